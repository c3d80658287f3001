"""What a search found, as HTML: each line among its neighbours, the words in it that were searched for marked."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape, unescape

from markupsafe import Markup

from chanops.core.terms import terms_of
from chanops.services.feed_topics import part
from chanops.services.line_rows import Said
from chanops.web.said_view import Extras, row

TAG = re.compile(r"(<[^>]*>)")  # attributes of ours hold no > that is not escaped
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u1ab0-\u1aff\u20d0-\u20ff"
WORD = re.compile(rf"\w[\w{MARKS}]*")  # to Python's \w, an accent that stands by itself is none
BEHIND_NICK = "</b>"


@dataclass
class Block:
    """Hits of a channel and a day that are so near to each other that they have neighbours in common."""

    hits: set[int]
    lines: list[Said]

    @property
    def first(self) -> Said:
        """What the block is headed by."""
        return self.lines[0]


def blocks_of(found: Iterable[tuple[Said, Sequence[Said]]]) -> list[Block]:
    """Hits with their neighbours, newest first, as blocks."""
    blocks: list[Block] = []
    last: dict[tuple[int, date], Block] = {}
    for hit, around in found:
        place = hit.channel_id, hit.at.date()
        block = last.get(place)
        near = [line for line in around if line.at.date() == hit.at.date()]
        known = {line.id for line in block.lines} if block else set()
        if block is not None and not known.isdisjoint(line.id for line in near):
            more = [line for line in near if line.id not in known]
            block.lines = sorted([*block.lines, *more], key=lambda line: (line.at, line.id))
            block.hits.add(hit.id)
            continue
        last[place] = block = Block({hit.id}, near)
        blocks.append(block)
    return blocks


def block_html(block: Block, words: Collection[str], extras: Extras) -> Markup:
    """A block as a list."""
    return Markup(f'<ol class="log">{"".join(items_of(block, words, extras))}</ol>')  # noqa: S704  built of escaped text


def items_of(block: Block, words: Collection[str], extras: Extras) -> Iterator[str]:
    for line in block.lines:
        html = row(line, extras, line_path(line))
        if line.id in block.hits:
            yield marked(html, words).replace('" class="', '" class="hit ', 1)
        else:
            yield html


def marked(html: str, words: Collection[str]) -> str:
    """A line in which the words stand out; not in its attributes, nor in who said it."""
    head, nick, text = html.partition(BEHIND_NICK)
    pieces = [each if each.startswith("<") else with_marks(unescape(each), words) for each in TAG.split(text)]
    return head + nick + "".join(pieces)


def with_marks(text: str, words: Collection[str]) -> str:
    """A text without markup, as HTML with the words marked."""
    html, at = [], 0
    for start, end in sorted(places_of(text, words)):
        if start >= at:
            html += [escape(text[at:start], quote=False), f"<mark>{escape(text[start:end], quote=False)}</mark>"]
            at = end
    return "".join(html) + escape(text[at:], quote=False)


def places_of(text: str, words: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where words stand. What is written without blanks was cut into pairs: of it only those are meant."""
    whole = {word for word in words if not word.endswith("*")}
    beginnings = tuple(word[:-1] for word in words if word.endswith("*"))
    for found in WORD.finditer(text):
        terms = terms_of(found[0])
        if len(terms) <= 1:
            if any(term in whole or (beginnings and term.startswith(beginnings)) for term in terms):
                yield found.span()
            continue
        folded = found[0].casefold()
        for term in whole.intersection(terms):
            place = folded.find(term)
            if place >= 0 and len(folded) == len(found[0]):
                yield found.start() + place, found.start() + place + len(term)


def day_path(network: str, channel: str, day: str) -> str:
    """The page of a day."""
    return f"{channel_path(network, channel)}{day}"


def channel_path(network: str, channel: str) -> str:
    """The page of a channel."""
    return f"/log/{part(network)}/{part(channel)}/"


def line_path(line: Said) -> str:
    """A line on the page of its day."""
    return f"{day_path(line.network, line.channel, line.at.date().isoformat())}#l{line.id}"
