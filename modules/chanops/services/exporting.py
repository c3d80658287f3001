"""Writes out the history, links and jobs: as JSON lines that `chanops import chanops` takes back, or as text."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from chanops.core.access import fold
from chanops.core.sections import Settings
from chanops.core.text import plain, visible
from chanops.services.database import Database
from chanops.services.line_rows import FORGOTTEN
from chanops.services.pages import Pages
from chanops.services.tables import channels, forgotten, jobs, lines, links, mentions, moment, stamp, units

AT_ONCE = 2000
ENDS = re.compile("[\x7f-\x9f\u2028\u2029]")  # the others of that kind are escaped by JSON itself
FORMS = ("jsonl", "text")
TEXTS: dict[str, Callable[[str, str], str]] = {
    "message": lambda nick, text: f"<{nick}> {text}",
    "action": lambda nick, text: f"* {nick} {text}",
    "notice": lambda nick, text: f"-{nick}- {text}",
    "join": lambda nick, text: f"*** {nick} joins",
    "part": lambda nick, text: f"*** {nick} leaves ({text})",
    "quit": lambda nick, text: f"*** {nick} quits ({text})",
    "kick": lambda nick, text: f"*** {nick} kicks {text}",
    "nick": lambda nick, text: f"*** {nick} is now known as {text}",
    "topic": lambda nick, text: f"*** {nick} changes the topic to: {text}",
    "mode": lambda nick, text: f"*** {nick} sets mode {text}",
    FORGOTTEN: lambda nick, text: f"*** a line of {nick} was forgotten",
}
PLACE = channels.c.network, channels.c.name.label("channel")
LINE = (
    lines.c.id,
    *PLACE,
    *(lines.c[name] for name in ("at", "nick", "account", "kind", "text", "msgid", "public")),
    forgotten.c.at.label("gone"),
    forgotten.c.by,
)
OF_JOB = ("id", "kind", "title", "state", "text", "network", "channel", "nick", "account", "line", "public")


@dataclass
class Export:
    """What is to be written, and how."""

    database: Database
    pages: Pages
    settings: Settings
    form: str = "jsonl"
    network: str = ""
    channel: str = ""
    since: datetime | None = None
    until: datetime | None = None
    private: bool = False
    """Also what not everybody may see."""
    left_out: int = 0
    """Lines that were not written since not everybody may see them."""
    rules: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Which channels are open, as far as that was asked."""

    def write(self) -> Iterator[str]:
        """The lines of the file, in order of their numbers; then links, then jobs. Nothing is locked meanwhile."""
        if self.form == "text":
            yield from filter(None, map(self.text, self.lines()))
            return
        yield from (as_json(self.line(row)) for row in self.lines())
        yield from map(as_json, self.links())
        yield from map(as_json, self.jobs())

    def lines(self) -> Iterator[Row[Any]]:
        """The lines that are meant."""
        query = select(*LINE).join(channels, lines.c.channel_id == channels.c.id)
        query = query.outerjoin(forgotten, forgotten.c.line == lines.c.id).where(*self.meant(lines.c.at))
        for row in self.each(query, lines.c.id):
            if self.shown(row):
                yield row
            else:
                self.left_out += 1

    def shown(self, row: Row[Any]) -> bool:
        """Whether something is written: what was for everybody's eyes then, in a channel that still is."""
        if self.private:
            return True
        pair = row.network, row.channel
        if pair not in self.rules:
            self.rules[pair] = self.settings.channel(*pair).open
        return bool(row.public) and self.rules[pair]

    def meant(self, at: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """Of which channels and times."""
        if self.network:
            yield channels.c.network == self.network
        if self.channel:
            yield channels.c.folded == fold(self.channel)
        if self.since:
            yield at >= stamp(self.since)
        if self.until:
            yield at < stamp(self.until)

    def each(self, query: Select[Any], number: ColumnElement[int]) -> Iterator[Row[Any]]:
        """All rows of a query by their numbers, some at once, so that none is held open."""
        last = 0
        while True:
            with self.database.read() as connection:
                rows = connection.execute(query.where(number > last).order_by(number).limit(AT_ONCE)).all()
            yield from rows
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].id

    def line(self, row: Row[Any]) -> dict[str, Any]:
        """A line as JSON has it."""
        made = {"type": "line", "id": row.id, "network": row.network, "channel": row.channel, "at": iso(row.at)}
        made |= {name: getattr(row, name) for name in ("nick", "account", "kind", "text", "msgid")}
        made |= {"public": bool(row.public)}
        if row.gone is not None:
            made["forgotten"] = {"at": iso(row.gone), "by": row.by}
        if self.pages.root:
            made["address"] = self.pages.line(row.id)
        return made

    def text(self, row: Row[Any]) -> str:
        """A line as people read it; "" for one that was not kept."""
        if row.kind not in TEXTS:
            return ""
        said = TEXTS[row.kind](row.nick, plain(row.text))
        return f"{iso(row.at)} {visible(f'{row.network}/{row.channel} {said}').rstrip()}\n"

    def links(self) -> Iterator[dict[str, Any]]:
        """Links with their titles, and the numbers of the lines in which they were said again."""
        query = select(*links.c, *PLACE).join(lines, links.c.line == lines.c.id).join(channels)
        query = query.where(*self.meant(lines.c.at), *(() if self.private else (lines.c.public,)))
        for row in filter(self.shown, self.each(query, links.c.id)):
            made = {"type": "link", "id": row.id, "line": row.line, "place": row.place, "key": row.key}
            title, titled = (row.title, row.titled) if self.may_tell(row.titled) else ("", None)
            made |= {"address": row.address, "title": title, "titled": titled, "fetched": row.fetched}
            made |= {"public": bool(row.public), "at": iso(row.at), "changed": iso(row.changed)}
            yield made | {"mentions": self.mentions(row.id)}

    def may_tell(self, line: int | None) -> bool:
        """Whether a title is written: not one that was given where not everybody may see it."""
        if line is None or self.private:
            return True
        query: Select[Any] = select(*PLACE, lines.c.public).select_from(lines).join(channels).where(lines.c.id == line)
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return row is not None and self.shown(row)

    def mentions(self, link: int) -> list[int]:
        """The lines that say a link again, of those that are meant."""
        query: Select[Any] = select(mentions.c.line, *PLACE, lines.c.public)
        query = query.join(lines, mentions.c.line == lines.c.id).join(channels)
        query = query.where(mentions.c.link == link, *self.meant(lines.c.at)).order_by(mentions.c.line)
        with self.database.read() as connection:
            return [row.line for row in connection.execute(query) if self.shown(row)]

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Jobs with what became of each machine. They are not taken back: they have acted."""
        query = select(jobs)
        if self.network:
            query = query.where(jobs.c.network == self.network)
        if self.since:
            query = query.where(jobs.c.created >= stamp(self.since))
        if self.until:
            query = query.where(jobs.c.created < stamp(self.until))
        for row in filter(self.shown, self.each(query, jobs.c.id)):
            if self.channel and fold(self.channel) != fold(row.channel):
                continue
            made = {"type": "job"} | {name: getattr(row, name) for name in OF_JOB}
            made |= {"public": bool(row.public)}
            made |= {name: iso(getattr(row, name)) for name in ("created", "started", "ended")}
            made["machines"] = self.machines(row.id)
            if self.pages.root:
                made["address"] = self.pages.job(row.id)
            yield made

    def machines(self, job: int) -> list[dict[str, Any]]:
        """What became of a job's machines."""
        query = select(units.c.name, units.c.state, units.c.text).where(units.c.job == job).order_by(units.c.number)
        with self.database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]


def iso(at: int | None) -> str | None:
    """A time as it is written."""
    return None if at is None else moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(made: dict[str, Any]) -> str:
    """One line, for whatever program looks for ends of lines in it."""
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    return f"{text if text.isprintable() else ENDS.sub(escaped, text)}\n"


def escaped(found: re.Match[str]) -> str:
    """A character as JSON may write it."""
    return f"\\u{ord(found[0]):04x}"
