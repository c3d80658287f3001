"""One line of a log as HTML: what somebody said, with its formatting and its links; all else of it is text."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import NamedTuple

from chanops.core.address import key_of, parts
from chanops.core.formatting import Span, classes_of, spans
from chanops.core.nick_colour import class_of
from chanops.core.text import UNSEEN, UNSEEN_LETTERS, plain, shorten, visible
from chanops.services.line_rows import Said

# As in the plugin that keeps links: brackets belong to an address in pairs, and a full stop at its end does not.
ADDRESS = re.compile(r"https?://(?:\([^\s()<>\"]*\)|[^\s()<>\"])+(?<![.,;:!?'*…»”’\]}])", re.IGNORECASE)
JOB = re.compile(r"(?<![\w/#-])job ([1-9][0-9]{0,8})(?![\w-])", re.IGNORECASE)
MORE = re.compile(f"[{UNSEEN_LETTERS}]|://")  # formatting is among the unseen
# What makes one picture of several, as in the flags and families that people send.
JOINED = re.compile("(?<=[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d(?=[\u2600-\u27bf\U0001f000-\U0001faff])")
# Two servers that lost each other, as a server puts it into a quit; nobody can say this, since "Quit: " stands before.
NETSPLIT = re.compile(r"(?=.{3,510}\Z)[\w*-]+(?:\.[\w*-]+)+ [\w*-]+(?:\.[\w*-]+)+\Z", re.ASCII)
REL = "nofollow noopener noreferrer ugc"
LONGEST_TITLE = 160
Link = tuple[str, str]  # an address and its title


class Anchor(NamedTuple):
    """A part of a text that leads somewhere."""

    start: int
    end: int
    href: str


@dataclass(frozen=True)
class Removal:
    """Who had a line removed, and when."""

    at: datetime
    by: str


@dataclass(frozen=True)
class Extras:
    """What is shown with lines: titles of their links, who removed them; and whether jobs have pages."""

    links: Mapping[int, Sequence[Link]]
    removals: Mapping[int, Removal]
    jobs: bool = False


NOTHING = Extras({}, {})


def row(said: Said, extras: Extras = NOTHING, href: str = "", later: bool = False) -> str:
    """A line as an item of a list; its time leads to its address, on a day's page to itself."""
    stamp = said.at.isoformat(timespec="seconds")[:19]
    kind, body = BODIES.get(said.kind, unknown)(said, extras)
    where = escape(href) if href else f"#l{said.id}"
    split = f' data-split="{escape(said.text)}"' if split_of(said) else ""
    return (
        f'<li id="l{said.id}" class="{kind}{" later" if later else ""}"{split}><a class="at" href="{where}">'
        f'<time datetime="{stamp}Z">{stamp[11:16]}</time></a> {body}</li>'
    )


def split_of(said: Said) -> str:
    """The servers of a netsplit, by the reason of a quit; "" where it is none."""
    return said.text if said.kind == "quit" and NETSPLIT.match(said.text) else ""


def spoken(said: Said, extras: Extras) -> tuple[str, str]:
    before, behind = FRAMES[said.kind]
    name = f'<b class="{class_of(said.nick)}">{before}{text_only(said.nick)}{behind}</b>'
    return said.kind, f"{name} <span>{text_of(said.text, extras.links.get(said.id, ()), extras.jobs)}</span>"


def event(phrase: Callable[[Said], str]) -> Callable[[Said, Extras], tuple[str, str]]:
    """Something that happened, told of whoever did it."""

    def told(said: Said, extras: Extras) -> tuple[str, str]:
        links = extras.links.get(said.id, ())
        more = "".join(f" {linked(address, title)}" for address, title in links if said.kind == "link")
        kind = f"event {PRESENCE[said.kind]}" if said.kind in PRESENCE else "event"
        return kind, f"<span>{nick(said.nick)} {phrase(said)}{more}</span>"

    return told


def removed(said: Said, extras: Extras) -> tuple[str, str]:
    """What stands where a line was."""
    found = extras.removals.get(said.id)
    if found is None:
        return "gone", f"<span>a line of {nick(said.nick)} was removed</span>"
    by = f" by {nick(found.by)}" if found.by else ""
    when = f'<time datetime="{found.at.isoformat(timespec="seconds")}">{day_and_time(found.at)} UTC</time>'
    return "gone", f"<span>a line of {nick(said.nick)} was removed{by}, {when}</span>"


def unknown(said: Said, extras: Extras) -> tuple[str, str]:
    """A kind that is newer than this page."""
    return "event", f"<span>{nick(said.nick)} {text_of(said.text)}</span>"


def reason(said: Said) -> str:
    """Why somebody left; "" where nobody knows."""
    return f" <q>{text_of(said.text)}</q>" if said.text.strip() else ""


def kicked(said: Said) -> str:
    target, _, why = said.text.partition(" ")
    return f"kicked {nick(target)}" + (f" <q>{text_of(why)}</q>" if why.strip() else "")


def topic(said: Said) -> str:
    return f"set the topic: {text_of(said.text)}" if said.text.strip() else "took the topic away"


PRESENCE = {"join": "joined", "part": "left", "quit": "left"}
FRAMES = {"message": ("", ""), "action": ("* ", ""), "notice": ("-", "-")}
BODIES: dict[str, Callable[[Said, Extras], tuple[str, str]]] = {
    **dict.fromkeys(FRAMES, spoken),
    "join": event(lambda said: "joined"),
    "part": event(lambda said: f"left{reason(said)}"),
    "quit": event(lambda said: f"quit{reason(said)}"),
    "kick": event(kicked),
    "nick": event(lambda said: f"is now {nick(said.text)}"),
    "topic": event(topic),
    "mode": event(lambda said: f"set mode <code>{text_only(said.text)}</code>"),
    "link": event(lambda said: "posted a link:"),
    "forgotten": removed,
}


def nick(name: str) -> str:
    """A nick in its colour."""
    return f'<b class="{class_of(name)}">{text_only(name)}</b>'


def text_only(text: str) -> str:
    """A text without formatting, nothing in it unseen but what joins pictures, and all of it text."""
    if not UNSEEN.search(text):
        return escape(text, quote=False)
    return escape("\u200d".join(map(visible, JOINED.split(plain(text).replace("\t", " ")))), quote=False)


def text_of(text: str, links: Sequence[Link] = (), jobs: bool = False) -> str:
    """A text with its formatting; addresses and jobs lead where they mean, titles stand behind."""
    if not links and not (jobs and JOB.search(text)) and not MORE.search(text):
        return escape(text, quote=False)
    shown = plain(text)
    titles = {key_of(address): (address, title) for address, title in links}
    said = shown.casefold()
    pieces, html, at = Pieces(spans(text)), [], 0
    for anchor in anchors(shown, jobs):
        html.append(pieces.take(anchor.start - at))
        rel = f' rel="{REL}"' if anchor.href[0] != "/" else ""
        html.append(f'<a href="{escape(anchor.href)}"{rel}>{pieces.take(anchor.end - anchor.start)}</a>')
        html.append(titled(titles.pop(key_of(anchor.href), ("", ""))[1], said))
        at = anchor.end
    html.append(pieces.take(len(shown) - at))
    html += [f" {linked(address, title)}" for address, title in titles.values()]
    return "".join(html)


def linked(address: str, title: str) -> str:
    """A link that does not stand in the text itself."""
    if not may_lead(address):
        return text_only(address)
    return f'<a href="{escape(address)}" rel="{REL}">{text_only(address)}</a>{titled(title, "")}'


def may_lead(address: str) -> bool:
    """Whether an address leads where it seems to: with a name before the host, a reader may take that for the host."""
    found = parts(address)
    return found is not None and found.user is None


def titled(title: str, said: str) -> str:
    """The title of a page, unless it stands in the line already."""
    title = shorten(" ".join(title.split()), LONGEST_TITLE)
    return f" <cite>{text_only(title)}</cite>" if title and title.casefold() not in said else ""


def anchors(shown: str, jobs: bool) -> Iterator[Anchor]:
    """What leads somewhere in a text, in its order, none within another."""
    found = [Anchor(*each.span(), each[0]) for each in ADDRESS.finditer(shown) if may_lead(each[0])]
    if jobs:
        found += [Anchor(*each.span(), f"/jobs/{each[1]}") for each in JOB.finditer(shown)]
    end = 0
    for anchor in sorted(found):
        if anchor.start >= end:
            yield anchor
            end = anchor.end


class Pieces:
    """The spans of a text, taken character by character as HTML."""

    def __init__(self, of: Sequence[Span]) -> None:
        self.left = list(reversed(of))

    def take(self, count: int) -> str:
        """The next characters."""
        html = []
        while count > 0:
            text, look = self.left.pop()
            if len(text) > count:
                self.left.append(Span(text[count:], look))
                text = text[:count]
            count -= len(text)
            classes = classes_of(look)
            html.append(f'<span class="{classes}">{text_only(text)}</span>' if classes else text_only(text))
        return "".join(html)


def day_and_time(at: datetime) -> str:
    """As people write it: 21 November 12:00."""
    return f"{at.day} {at:%B %H:%M}"
