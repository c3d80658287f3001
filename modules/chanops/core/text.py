"""Text from people and for people: formatting codes, illegal characters, near misses, lengths."""

import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches

# Colour, hex colour, bold, reset, monospace, reverse, italic, strike-through, underline.
FORMATTING = re.compile(
    r"\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)
# All that no XML document may hold (XML 1.0, production 2), and the discouraged C1 controls.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
LINE_BREAKS = re.compile(r"[\r\n]+")
# Characters that nobody sees: controls, zero width, blank letters, halves of characters, and those that turn the
# direction of writing.
UNSEEN_LETTERS = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
UNSEEN = re.compile(f"[{UNSEEN_LETTERS}]")

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def plain(text: str) -> str:
    """The text without IRC formatting codes."""
    return text if text.isprintable() else FORMATTING.sub("", text)


def xml_safe(text: str) -> str:
    """The text as XML may hold it: formatting gone, any other illegal character replaced."""
    return NOT_XML.sub("\ufffd", plain(text))


def storable(text: str) -> str:
    """The text without halves of characters, such as come from file names that are not UTF-8, and without NULs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def visible(text: str) -> str:
    """The text on one line, every unseen character shown as its number."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def lines_of(text: str) -> list[str]:
    """The lines of a text that have something in them; only CR and LF end a line on IRC."""
    return [line for line in LINE_BREAKS.split(text) if line.strip()]


def shorten(text: str, most: int) -> str:
    """At most that many characters, with an ellipsis where something was cut."""
    return text if len(text) <= most else text[: max(0, most - 1)].rstrip() + "…" * (most > 0)


def near(word: str, words: Iterable[str]) -> str:
    """The nearest of the words, or "" when none is near."""
    folded = {each.casefold(): each for each in words}
    found = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def spoken(length: timedelta) -> str:
    """A length of time as people say it, in its two largest units: "2 h 5 min"."""
    left, words = max(0, int(length.total_seconds())), []
    for unit, seconds in UNITS:
        count, left = divmod(left, seconds)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def ago(length: timedelta) -> str:
    """How long something is past: "just now", "2 h 5 min ago"."""
    return f"{spoken(length)} ago" if length >= timedelta(seconds=2) else "just now"
