"""What is in a feed, whatever form it has: each link and each ended job as an item."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from html import escape
from itertools import islice
from operator import attrgetter

from chanops.core.terminal import last_lines
from chanops.core.text import lines_of, shorten, visible, xml_safe
from chanops.services.feed_jobs import Ended
from chanops.services.feed_output import Written, ending
from chanops.services.feed_topics import tags_in
from chanops.services.jobs.rows import Job, UnitRow
from chanops.services.line_rows import Said
from chanops.services.link_rows import LONGEST_TITLE, Link
from chanops.services.pages import Pages

REPORT = "report"
MOST_LINES, WIDEST = 5, 200  # lines of a failed machine's output, and characters of each
WIDEST_CONTEXT = 500


@dataclass(frozen=True)
class Head:
    """What a feed says of itself; `own` is where it is, `hub` is "" where none is told of its news."""

    title: str
    description: str
    home: str
    own: str
    hub: str
    changed: datetime
    language: str = "en"


@dataclass(frozen=True)
class Item:
    """One item: its texts may hold anything, its body is HTML."""

    title: str
    otherwise: str
    """What stands for a title in which nothing is left."""
    address: str
    guid: str
    author: str
    at: datetime
    changed: datetime
    body: str
    tags: tuple[str, ...] = ()


def of_link(link: Link, pages: Pages, before: Sequence[Said] = ()) -> Item:
    """One link: who posted it, what they said, where and when, and what was said there just before."""
    said = link.said
    # The line's permanent address; a second link of the same line has its place behind it.
    guid = pages.line(said.id) + (f"#{link.place}" if link.place > 1 else "")
    address = escape(link.address)
    body = f'<p><a href="{address}">{address}</a></p>{quoted(said, pages, before)}'
    tags = tags_in(link.title or said.plain)
    changed = max(link.changed, said.at)  # said again, it is older than that line
    return Item(link.named, link.address, link.address, guid, said.nick, said.at, changed, body, tags)


def of_line(said: Said, pages: Pages, before: Sequence[Said] = ()) -> Item:
    """One line that a search found."""
    address = pages.line(said.id)
    title = shorten(f"{said.nick}: {said.plain.strip()}", LONGEST_TITLE)
    return Item(title, address, address, address, said.nick, said.at, said.at, quoted(said, pages, before))


def quoted(said: Said, pages: Pages, before: Sequence[Said]) -> str:
    """What was said, below what was said just before; and where and when, as the way to it."""
    around = "".join(f"{spoken(each, WIDEST_CONTEXT)}<br>" for each in before)
    line = f"<b>{spoken(said)}</b>" if before else spoken(said)
    where = escape(f"{said.channel} on {said.network}")
    permanent = f'<p><a href="{escape(pages.line(said.id))}">{where}, {minute(said.at)}</a></p>'
    return f"<blockquote>{around}{line}</blockquote>{permanent}"


def spoken(said: Said, most: int = 0) -> str:
    """<alice> a line, as HTML."""
    text = escape(shorten(said.plain, most) if most else said.plain)
    nick = escape(said.nick)
    return f"* {nick} {text}" if said.kind == "action" else f"&lt;{nick}&gt; {text}"


def of_job(ended: Ended, pages: Pages) -> Item:
    """One job that is over: what it was, what came of it, machine by machine, and where it was asked for.

    Where commands were run on hundreds of machines, only those are told of that a person must look at.
    """
    job, page = ended.job, pages.job(ended.job.id)
    at = job.ended or job.changed
    lines = "<br>".join(told(line) for line in lines_of(job.text))
    body = f"<p>{lines}</p>" if lines else ""
    if ended.ran:
        body += "".join(of_failed(unit, ended.written[unit.number]) for unit in ended.units)
        body += f"<p>and {ended.more} more</p>" if ended.more else ""
    elif ended.units:
        rows = "".join(
            f"<tr><td>{told(unit.name)}</td><td>{told(unit.state)}</td><td>{told(unit.text)}</td></tr>"
            for unit in ended.units
        )
        body += f"<table><tr><th>machine</th><th>state</th><th>what came of it</th></tr>{rows}</table>"
    if job.channel and job.line:
        where = escape(f"{job.nick} in {job.channel} on {job.network}, {minute(job.created)}")
        body += f'<p>asked for by <a href="{escape(pages.line(job.line))}">{where}</a></p>'
    body += f'<p><a href="{escape(page)}">{named(job)}</a></p>'
    return Item(job_title(job), named(job), page, page, job.nick or "chanops", at, at, body)


def of_failed(unit: UnitRow, written: Written) -> str:
    """One machine on which a command failed: how, and what it wrote last, to stderr if it wrote anything there."""
    lines = last_lines(written.err, MOST_LINES) or last_lines(written.out, MOST_LINES)
    shown = "\n".join(escape(shorten(line, WIDEST)) for line in lines)
    why = "" if "end" in unit.facts or not unit.text else f": {told(unit.text)}"
    return f"<p><b>{told(unit.name)}</b> {told(ending(unit))}{why}</p>" + (f"<pre>{shown}</pre>" if lines else "")


def job_title(job: Job) -> str:
    """What an ended job is called in a feed."""
    title = visible(xml_safe(job.title))
    return f"{named(job)}: {title}" + ("" if job.kind == REPORT else f" · {job.state}")


def named(job: Job) -> str:
    """job 41."""
    return f"{'report' if job.kind == REPORT else 'job'} {job.id}"


def shown(text: str, otherwise: str) -> str:
    """The text as XML may hold it; what stands for it where nothing is left, since no part of a feed may be empty."""
    safe = xml_safe(text)
    return safe if safe.strip() else otherwise


def told(text: str) -> str:
    """A line of a cloud's or a person's as HTML."""
    return escape(visible(xml_safe(text)))


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def merged(links: Iterable[Item], jobs: Iterable[Item], most: int) -> list[Item]:
    """Links and jobs by time, newest first; what each of both has in its own order stays so."""
    return list(islice(merge(links, jobs, key=attrgetter("at"), reverse=True), most))
