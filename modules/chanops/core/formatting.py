"""IRC formatting as spans: what is bold, italic, coloured …; read by the pattern that also strips it."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from chanops.core.palette import COLOURS, nearest, readable
from chanops.core.text import FORMATTING

DEFAULT = 99
TOGGLES = {"\x02": "bold", "\x1d": "italic", "\x1f": "underline", "\x1e": "strike", "\x11": "mono", "\x16": "reverse"}
CLASSES = {"bold": "fb", "italic": "fi", "underline": "fu", "strike": "fs", "mono": "fm"}


class Look(NamedTuple):
    """How a span looks; colours are numbers of the palette, None for the page's own."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    mono: bool = False
    reverse: bool = False
    fore: int | None = None
    back: int | None = None


@lru_cache(maxsize=1024)
def classes_of(look: Look) -> str:
    """The classes in the style sheet; "" where it looks like any text."""
    found = [name for part, name in CLASSES.items() if getattr(look, part)]
    fore, back = (look.back, look.fore) if look.reverse else (look.fore, look.back)
    if back is not None:
        found.append(f"b-{back:02}")
        if fore is not None and readable(COLOURS[fore], COLOURS[back]):
            found.append(f"o-{fore:02}")
    elif look.reverse:
        found.append("fr")
    elif fore is not None:
        found.append(f"f-{fore:02}")
    return " ".join(found)


PLAIN = Look()


class Span(NamedTuple):
    """A piece of text that looks the same throughout."""

    text: str
    look: Look


def spans(text: str) -> list[Span]:
    """The pieces of a text; what they say, joined, is what `plain` leaves of it."""
    return [Span(text, PLAIN)] if text.isprintable() and text else list(pieces(text))


def pieces(text: str) -> Iterator[Span]:
    """The pieces of a text with formatting in it; none is empty."""
    look, begun = PLAIN, 0
    for found in FORMATTING.finditer(text):
        if found.start() > begun:
            yield Span(text[begun : found.start()], look)
        look, begun = changed(look, found[0]), found.end()
    if begun < len(text):
        yield Span(text[begun:], look)


def changed(look: Look, code: str) -> Look:
    """The look behind a code."""
    kind, rest = code[0], code[1:]
    if kind in TOGGLES:
        name = TOGGLES[kind]
        return look._replace(**{name: not getattr(look, name)})
    if kind == "\x0f":
        return PLAIN
    if not rest:
        return look._replace(fore=None, back=None)
    number = of_palette if kind == "\x03" else of_hex
    fore, comma, back = rest.partition(",")
    return look._replace(fore=number(fore), back=number(back) if comma else look.back)


def of_palette(digits: str) -> int | None:
    """A colour by its number."""
    number = int(digits)
    return None if number == DEFAULT else number


def of_hex(digits: str) -> int | None:
    """A colour by its hex digits."""
    return nearest(f"#{digits.lower()}")
