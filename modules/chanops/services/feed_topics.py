"""What feeds there are, and where: of all, of a channel, of a person, with a tag, of a search."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, urlencode

TYPES = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}
OPML = "opml"
OPML_TYPE = "text/x-opml; charset=utf-8"
WHOLE = ("feed", "links", "jobs")
TAG_WORD = r"\w[\w-]{0,49}"
TAG = re.compile(rf"(?<![\w&#/=?])#({TAG_WORD})")
MOST_TAGS = 10
LONGEST_WORD = 500


class Topic(NamedTuple):
    """What a feed is about: "feed" (all there is), "links" or "jobs", everywhere or in a channel; or links "by" a nick.

    Or links with a "tag", or what a "search" finds: `word` is the nick, the tag or the query.
    """

    which: str = "feed"
    network: str = ""
    channel: str = ""
    word: str = ""

    @property
    def lasting(self) -> bool:
        """Whether it is one of a few, which all have: not one of those that anybody can think of."""
        return self.which in WHOLE or self.which == OPML

    def address(self, root: str, form: str, token: str = "") -> str:
        """Where it is; with a token, where its holder finds it."""
        given = {"q": self.word} if self.which == "search" else {}
        query = urlencode(given | ({"token": token} if token else {}))
        return f"{root}{self.path}.{form}" + (f"?{query}" if query else "")

    @property
    def path(self) -> str:
        """Its path, without what says in which form."""
        if self.which == "by":
            return f"/links/by/{part(self.network)}/{part(self.word)}"
        if self.which == "tag":
            return f"/links/tag/{part(self.word)}"
        if self.which == OPML:
            return "/feeds"
        return f"{self.home_path if self.channel else '/'}{self.which}"

    @property
    def home_path(self) -> str:
        """The path of the page that shows the same."""
        if self.which == "search":
            return f"/search?{urlencode({'q': self.word})}"
        if self.which == "jobs" and not self.channel:
            return "/jobs"
        return f"/log/{part(self.network)}/{part(self.channel)}/" if self.channel else "/"

    def titled(self, title: str) -> str:
        """What it is called where all together have that title."""
        if self.which == "by":
            return f"{title}: links by {self.word} on {self.network}"
        if self.which in ("tag", "search"):
            return f"{title}: #{self.word}" if self.which == "tag" else f"{title}: {self.word}"
        parts = [self.which] if self.which != "feed" else []
        parts += [f"{self.channel} on {self.network}"] if self.channel else []
        return f"{title}: {' in '.join(parts)}" if parts else title

    @property
    def described(self) -> str:
        """What is in it."""
        return DESCRIPTIONS[self.which]


DESCRIPTIONS = {
    "feed": "The links that were posted, who said what about them, and what became of jobs with machines.",
    "links": "The links that were posted, and who said what about them.",
    "jobs": "What became of jobs with machines, and reports.",
    "by": "The links that one person posted.",
    "tag": "The links whose title has one tag.",
    "search": "The newest lines that a search finds.",
    OPML: "All feeds.",
}


class Alternate(NamedTuple):
    """A feed that a page points to."""

    kind: str
    title: str
    address: str


def feeds_of(title: str, topic: Topic | None = None) -> list[Alternate]:
    """The feeds that a page points to, by paths on the same host: those with all there is, and those of its own."""
    topics = [Topic()] + ([topic] if topic and topic != Topic() else [])
    return [
        Alternate(kind.partition(";")[0], each.titled(title), each.address("", form))
        for each in reversed(topics)
        for form, kind in TYPES.items()
    ]


def part(text: str) -> str:
    """A name as one part of a path; what is half a character cannot be in an address."""
    return quote(text, safe="", errors="replace")


def tags_in(text: str) -> tuple[str, ...]:
    """The #tags of a text in their order, each once, in small letters; a number alone is none."""
    return tuple(dict.fromkeys(each for each in found_tags(text) if not each.isdecimal()))[:MOST_TAGS]


def found_tags(text: str) -> Iterator[str]:
    return (found[1].rstrip("-").lower() for found in TAG.finditer(text))
