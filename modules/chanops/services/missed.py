"""What happened while somebody was away: what was said to them, links, jobs; told in short, and on a page."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select

from chanops.core.access import fold
from chanops.core.message import Message
from chanops.core.query import Filters, Phrase, Query
from chanops.core.sections import Settings
from chanops.core.terms import terms_of
from chanops.core.text import shorten, spoken, visible
from chanops.services.line_rows import SPOKEN, Said
from chanops.services.link_rows import Link, joined, link_of, within
from chanops.services.link_titles import titles_there
from chanops.services.missed_token import MOST_SPANS, SECOND, Pass, Signer, Span
from chanops.services.pages import Pages
from chanops.services.reading import Channel, Reading
from chanops.services.search import Search
from chanops.services.tables import MILLISECOND, jobs, lines, links, moment, stamp
from chanops.services.tables import seen as last_seen
from chanops.services.visibility import Seen

MOST_TOLD, MOST_SHOWN = 5, 200
LOOKED_AT = 50  # the newest lines of a kind, among which somebody's is looked for
A_DAY = timedelta(days=1)
SECONDS = 2.0
LEFT = ("part", "quit")
# What a nick may be made of: such a letter before or behind it makes it another one.
OF_NICKS = r"A-Za-z0-9_\[\]\\`^{|}\-"


@dataclass(frozen=True)
class MissedJob:
    """A job that ended meanwhile."""

    id: int
    title: str
    state: str
    ended: datetime
    public: bool


@dataclass(frozen=True)
class Away:
    """A channel that somebody was away from, and how much was said there; everything: also what was not public."""

    channel: Channel
    since: datetime
    until: datetime
    spoken: int
    everything: bool


@dataclass(frozen=True)
class Absence:
    """All that somebody missed: oldest first."""

    nick: str
    away: Sequence[Away]
    mentions: Sequence[Said]
    links: Sequence[Link]
    jobs: Sequence[MissedJob]


class Missed:
    """Finds when somebody was away, and what happened then."""

    def __init__(
        self,
        reading: Reading,
        search: Search,
        settings: Callable[[], Settings],
        pages: Callable[[], Pages],
        signer: Signer,
        present: Callable[[str, str, str], bool],
    ) -> None:
        self.reading, self.times = reading, Times(search)
        self.settings, self.pages, self.signer = settings, pages, signer
        self.present = present  # whether on a network, in a channel, somebody of that nick is just now

    def told(self, said: Message) -> Iterator[str]:
        """The answer, in a few lines and an address, for whoever asked and nobody else."""
        of = Pass(said.nick, tuple(self.spans(said)))
        if not of.spans:
            yield "I do not know of anything you missed" + ("" if said.channel else ": ask in the channel you mean")
            return
        found = self.absence(of)
        yield summary(found)
        if not any(each.spoken for each in found.away) and not found.links and not found.jobs:
            return
        for line in found.mentions[-MOST_TOLD:]:
            yield f"{line.at:%H:%M} {line.channel} <{line.nick}> {shorten(visible(line.plain), 200)}"
        for link in found.links[-MOST_TOLD:]:
            yield f"{shorten(visible(link.named), 120)}: {link.address}"
        for job in found.jobs[-MOST_TOLD:]:
            yield f"job {job.id}: {shorten(visible(job.title), 120)}: {job.state}"
        if self.pages().root:
            yield f"all of it: {self.pages().missed(self.signer.sign(of, said.at))}"

    def find(self, token: str) -> Absence | None:
        """What the page of a token shows."""
        of = self.signer.read(token, datetime.now(UTC))
        found = self.absence(of) if of is not None else None
        return found if found is not None and found.away else None

    def spans(self, said: Message) -> Iterator[Span]:
        """When somebody was away: from the channel where they ask, or, in private, from all where they are."""
        if said.channel:
            channel = self.reading.channel(said.network, said.channel)
            found = [channel] if channel is not None else []
        else:
            found = self.channels_of(said)
        known = [seen for seen in (self.known(said, each) for each in found) if seen is not None]
        for seen in known[:MOST_SPANS]:
            span = self.times.away(seen, said, self.settings().bot.prefix)
            if span is not None and (not seen.everything or self.times.is_same(seen, said, span.since)):
                yield span

    def channels_of(self, said: Message) -> list[Channel]:
        """The channels of a network where a nick was."""
        query = select(last_seen.c.channel_id).where(last_seen.c.nick == fold(said.nick))
        newest = query.order_by(last_seen.c.line.desc())
        with self.reading.database.read(within=SECONDS) as connection:
            order = {number: place for place, number in enumerate(connection.execute(newest).scalars())}
        found = [each for each in self.reading.channels() if each.id in order and each.network == said.network]
        return sorted(found, key=lambda each: order[each.id])

    def known(self, said: Message, channel: Channel) -> Seen | None:
        """What they may know: what was public in an open channel; all of another one, if they are there now."""
        if self.is_open(channel):
            return Seen(channel, False)
        there = said.account and self.present(channel.network, channel.name, said.nick)
        return Seen(channel, True) if there else None

    def is_open(self, channel: Channel) -> bool:
        return self.settings().channel(channel.network, channel.name).open

    def absence(self, of: Pass) -> Absence:
        """What happened in these times."""
        known = {each.id: each for each in self.reading.channels()}
        spans = [each for each in of.spans if each.channel_id in known]
        spans = [each for each in spans if each.everything or self.is_open(known[each.channel_id])]
        if not spans:
            return Absence(of.nick, (), (), (), ())
        away = [
            Away(known[each.channel_id], each.since, each.until, self.count(each, of.nick), each.everything)
            for each in spans
        ]
        mentions = [line for each in away for line in self.times.mentions(each, of.nick)]
        mentions.sort(key=lambda line: (line.at, line.id))
        return Absence(of.nick, away, mentions[-MOST_SHOWN:], self.links(spans, away), self.jobs(away))

    def lines(self, away: Away, most: int) -> list[Said]:
        """The lines of a channel meanwhile; the first of them where there are more."""
        return self.reading.between(away.channel.id, away.since, end_of(away.until), away.everything, most)

    def count(self, span: Span, nick: str) -> int:
        """How many lines others said."""
        others = func.lower(lines.c.nick) != nick.lower()
        query = select(func.count()).select_from(lines).where(during([span]), lines.c.kind.in_(SPOKEN), others)
        with self.reading.database.read(within=SECONDS) as connection:
            return int(connection.execute(query).scalar() or 0)

    def links(self, spans: Sequence[Span], away: Sequence[Away]) -> list[Link]:
        """The newest links that were said first meanwhile, oldest first."""
        seen = [Seen(each.channel, each.everything) for each in away]
        open_ = [Seen(each, False) for each in self.reading.channels() if self.is_open(each)]
        query = joined(titles_there([*seen, *open_])).where(during(spans), within(seen)).limit(MOST_SHOWN)
        with self.reading.database.read(within=SECONDS) as connection:
            newest = connection.execute(query.order_by(links.c.line.desc(), links.c.place.desc())).all()
        return [link_of(row) for row in reversed(newest)]

    def jobs(self, away: Sequence[Away]) -> list[MissedJob]:
        """The newest jobs that were asked for in these channels and ended meanwhile, oldest first."""
        ended = (jobs.c.ended.between(stamp(each.since), stamp(end_of(each.until))) for each in away)
        places = (
            (jobs.c.network == each.channel.network, named(each.channel.name), *public_jobs(each)) for each in away
        )
        there = or_(*(and_(*place, when) for place, when in zip(places, ended, strict=True)))
        query = select(jobs.c.id, jobs.c.title, jobs.c.state, jobs.c.ended, jobs.c.public).where(there)
        with self.reading.database.read(within=SECONDS) as connection:
            rows = connection.execute(query.order_by(jobs.c.ended.desc(), jobs.c.id.desc()).limit(MOST_SHOWN)).all()
        return [MissedJob(row[0], row[1], row[2], moment(row[3]), bool(row[4])) for row in reversed(rows)]


class Times:
    """Reads from the log when somebody came and left."""

    def __init__(self, search: Search) -> None:
        self.search = search

    def away(self, seen: Seen, said: Message, prefix: str) -> Span | None:
        """From leaving to coming back; or, of somebody who has been there for long, since they spoke last."""
        own = next((each for each in self.found(seen, said, SPOKEN) if not each.plain.startswith(prefix)), None)
        left = self.left(seen, said)
        if left is not None:
            back = self.back(seen, said, left)
            until = back.at if back is not None else said.at
            if own is None or own.at < left.at or said.at - until < A_DAY:
                return Span(seen.channel.id, left.at, until, seen.everything)
        return Span(seen.channel.id, own.at, said.at, seen.everything) if own is not None else None

    def left(self, seen: Seen, said: Message) -> Said | None:
        """The last line in which somebody left, or was made to."""
        gone = [*self.found(seen, said, LEFT, most=1), *self.kicks(seen, said)]
        return max(gone, key=order, default=None)

    def back(self, seen: Seen, said: Message, left: Said) -> Said | None:
        """The first line after it in which somebody came, or took that nick."""
        came = self.found(seen, said, ("join",), after=left.at)
        named = self.found(seen, said, ("nick",), nicks=(), after=left.at)
        came += [each for each in named if fold(each.plain.strip()) == fold(said.nick)]
        return min((each for each in came if order(each) > order(left)), key=order, default=None)

    def is_same(self, seen: Seen, said: Message, since: datetime) -> bool:
        """Whether the account that asks is the one that spoke under this nick until then."""
        own = self.found(seen, said, (*SPOKEN, *LEFT), until=since)
        last = next((each for each in own if each.kind in SPOKEN or each.account), None)
        return last is not None and bool(said.account) and fold(last.account) == fold(said.account)

    def kicks(self, seen: Seen, said: Message) -> list[Said]:
        found = self.found(seen, said, ("kick",), nicks=())
        return [each for each in found if fold(each.plain.partition(" ")[0]) == fold(said.nick)]

    def mentions(self, away: Away, nick: str) -> list[Said]:
        """The newest lines of others that name somebody."""
        words = tuple(terms_of(nick))
        if not words:
            return []
        until = end_of(away.until) + MILLISECOND
        query = Query("", (Phrase(words),), only=Filters(kinds=SPOKEN), after=away.since, before=until)
        found = self.search.find(query, [Seen(away.channel, away.everything)], most=MOST_SHOWN).lines
        name = re.compile(rf"(?<![{OF_NICKS}]){re.escape(fold(nick))}(?![{OF_NICKS}])")
        return [each for each in found if fold(each.nick) != fold(nick) and name.search(fold(each.plain))]

    def found(
        self,
        seen: Seen,
        said: Message,
        kinds: tuple[str, ...],
        nicks: tuple[str, ...] | None = None,
        after: datetime | None = None,
        until: datetime | None = None,
        most: int = LOOKED_AT,
    ) -> list[Said]:
        """The newest lines of some kinds before a line; of whoever said that, or of these nicks, () for all."""
        only = Filters((said.nick,) if nicks is None else nicks, (), kinds)
        query = Query(only=only, after=after, before=(until or said.at) + MILLISECOND)
        return self.search.find(query, [seen], most=most).lines


def order(line: Said) -> tuple[datetime, int]:
    """By what lines of a channel follow each other."""
    return line.at, line.id


def during(spans: Sequence[Span]) -> ColumnElement[bool]:
    """The lines of these times."""
    return or_(
        *(
            and_(
                lines.c.channel_id == each.channel_id,
                lines.c.at.between(stamp(each.since), stamp(end_of(each.until))),
                *([] if each.everything else [lines.c.public.is_(True)]),
            )
            for each in spans
        )
    )


def end_of(until: datetime) -> datetime:
    """The last millisecond of a second, since times on a page's address are whole seconds."""
    return until.replace(microsecond=0) + SECOND - MILLISECOND


def named(channel: str) -> ColumnElement[bool]:
    """Jobs are kept with the name of their channel as it was typed."""
    return func.lower(jobs.c.channel).in_({fold(channel), channel.lower()})


def public_jobs(away: Away) -> list[ColumnElement[bool]]:
    """The condition on the jobs of a channel that may be told of."""
    return [] if away.everything else [jobs.c.public.is_(True)]


def summary(found: Absence) -> str:
    """In one line."""
    parts = [counted(sum(each.spoken for each in found.away), "line"), f"{len(found.mentions)} for you"]
    parts += [counted(len(each), name) for each, name in ((found.links, "link"), (found.jobs, "job")) if each]
    where = ", ".join(each.channel.name for each in found.away)
    longest = max(each.until - each.since for each in found.away)
    return f"you missed {spoken(longest)} in {where}: {', '.join(parts)}"


def counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' if count != 1 else ''}"
