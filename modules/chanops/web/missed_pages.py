"""What somebody missed, at an address that only they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chanops.services.line_rows import Said
from chanops.services.link_titles import titles_for
from chanops.services.missed import Absence, Away, Missed
from chanops.services.visibility import Seen, Visibility
from chanops.web.day_view import day_view
from chanops.web.entry import viewer_of
from chanops.web.frame import SCRIPT_POLICY, Frame
from chanops.web.hits import day_path, line_path
from chanops.web.said_view import Extras, may_lead, text_of

MOST_LINES = 2000
HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": SCRIPT_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True)
class ShownDay:
    """A part of a day of a channel."""

    day: date
    path: str
    html: Markup


@dataclass(frozen=True)
class ShownAway:
    """A channel with its lines; `rest` is the path of the day on which there are more, "" where these are all."""

    away: Away
    days: Sequence[ShownDay]
    rest: str
    open: bool


class MissedPages:
    """Shows them."""

    def __init__(self, missed: Missed, visibility: Visibility, frame: Frame) -> None:
        self.missed, self.visibility, self.frame = missed, visibility, frame

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/missed/{token}", self.one)]

    def one(self, request: Request) -> Response:
        """What was said to somebody, links and jobs; then all that was said."""
        found = self.missed.find(request.path_params["token"])
        if found is None:
            return self.frame.missing(request)
        shown = self.shown(found, self.visibility.channels(viewer_of(request)))
        on_page = {line.id for each in shown for line in each[1]}
        page = self.frame.page(
            "missed.html",
            found=found,
            shown=[each for each, _ in shown],
            text=lambda line: Markup(text_of(line.text)),  # noqa: S704  escaped there
            path=lambda line: f"#l{line.id}" if line.id in on_page else line_path(line),
            may_lead=may_lead,
        )
        page.headers.update(HEADERS)
        return page

    def shown(self, found: Absence, seen: Sequence[Seen]) -> list[tuple[ShownAway, Sequence[Said]]]:
        """Each channel with its lines, no more than a page can hold."""
        shown: list[tuple[ShownAway, Sequence[Said]]] = []
        left = MOST_LINES
        open_ = {each.channel.id for each in seen}
        titles = titles_for([*seen, *(Seen(each.channel, each.everything) for each in found.away)])
        for away in found.away:
            lines = self.missed.lines(away, left + 1)
            rest = day_of(lines[left]) if len(lines) > left else ""
            lines = lines[:left]
            left -= len(lines)
            extras = Extras(self.missed.reading.links_of([line.id for line in lines], titles), {}, self.machines)
            days = [
                ShownDay(day, day_of(some[0]), day_view(some, extras).lists)
                for day, some in ((day, list(some)) for day, some in groupby(lines, lambda line: line.at.date()))
            ]
            shown.append((ShownAway(away, days, rest, away.channel.id in open_), lines))
        return shown

    @property
    def machines(self) -> bool:
        return self.frame.settings().web.machines


def day_of(line: Said) -> str:
    return day_path(line.network, line.channel, line.at.date().isoformat())
