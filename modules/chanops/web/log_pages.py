"""The pages of the log: the channels, the calendar of each, its days, and where a line is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chanops.services.history import History
from chanops.services.line_rows import LINK, Said
from chanops.services.link_rows import Link
from chanops.services.reading import Reading
from chanops.services.visibility import EVERYBODY, Seen, Viewer, Visibility
from chanops.web.calendar_view import amount, totals, year_of
from chanops.web.entry import FORM_POLICY
from chanops.web.entry import viewer_of as by_cookie
from chanops.web.frame import Frame, number_in
from chanops.web.log_days import PRIVATE, LogDays, utc_now
from chanops.web.said_view import Extras
from chanops.web.segments import NameRoute

NEWEST = 20
OPEN = {"Cache-Control": "no-cache", "Vary": "Cookie"}


@dataclass(frozen=True)
class Log:
    """What the pages of the log read."""

    reading: Reading
    visibility: Visibility
    history: History
    newest: Callable[[int], Sequence[Link]]
    """So many of the newest links that everybody may see."""


@dataclass(frozen=True)
class Row:
    """A channel in the list."""

    seen: Seen
    place: str
    last: datetime | None
    open: bool


class LogPages:
    """Shows the log to whoever may see it; to anybody else it is as if there were none."""

    def __init__(
        self,
        log: Log,
        frame: Frame,
        viewer_of: Callable[[Request], Viewer] = by_cookie,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.log, self.frame, self.viewer_of, self.now = log, frame, viewer_of, now
        self.days = LogDays(log.reading, log.visibility, frame, viewer_of, now)

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/", self.home),
            Route("/line/{number}", self.line),
            *self.days.routes,
            NameRoute("/log/{network}/{channel:path}/", self.calendar),
            NameRoute("/log/{network}/{channel:path}", self.nearly),
        ]

    def home(self, request: Request) -> Response:
        """The channels, and the newest links."""
        viewer = self.viewer_of(request)
        rows = [self.row_of(seen) for seen in self.log.visibility.channels(viewer)]
        rows.sort(key=lambda each: each.last or datetime.min.replace(tzinfo=UTC), reverse=True)
        return self.page(viewer, "home.html", channels=rows, links=self.log.newest(NEWEST), holder=viewer.name)

    def row_of(self, seen: Seen) -> Row:
        """A channel as the list has it."""
        channel = self.frame.settings().channel(seen.channel.network, seen.channel.name)
        return Row(seen, place_of(self.frame, seen), self.last_in(seen), channel.open)

    def last_in(self, seen: Seen) -> datetime | None:
        """When somebody last spoke there, as far as this is to be seen."""
        found = self.log.reading.last(seen.channel.id, everything=seen.everything)
        return found[0].at if found else None

    def calendar(self, request: Request) -> Response:
        """The days of a channel, a year or two of them."""
        viewer = self.viewer_of(request)
        seen = self.days.seen(request, viewer)
        asked = request.query_params.get("year")
        days = self.log.reading.days(seen.channel.id, seen.everything) if seen is not None else []
        years = totals(days)
        number = number_in(asked or "") if asked is not None else years[0].number if years else 0
        if seen is None or (asked is not None and number not in {each.number for each in years}):
            return self.frame.missing(request)
        return self.page(
            viewer,
            "log_calendar.html",
            year=year_of(number, days) if number else None,
            earlier=year_of(years[1].number, days) if asked is None and len(years) > 1 else None,
            years=years, newest=asked is None, today=self.now().date(), amount=amount,
            **self.frame.of_channel(seen),
        )  # fmt: skip

    def nearly(self, request: Request) -> Response:
        """The address of a calendar without its last slash."""
        seen = self.days.seen(request, self.viewer_of(request))
        return RedirectResponse(place_of(self.frame, seen), 308, PRIVATE) if seen else self.frame.missing(request)

    def line(self, request: Request) -> Response:
        """Where a line is; or, where no log is kept, that somebody posted a link."""
        number, viewer = number_in(request.path_params["number"]), self.viewer_of(request)
        found = self.log.history.line(number) if number else None
        seen = self.log.visibility.line(viewer, found.channel_id, found.public) if found is not None else None
        if found is None or seen is None:
            return self.frame.missing(request)
        if found.kind == LINK:
            return self.page(
                viewer, "line.html", line=found, extras=self.extras(found, viewer), **self.frame.of_channel(seen)
            )
        return RedirectResponse(f"{place_of(self.frame, seen)}{found.at:%Y-%m-%d}#l{found.id}", 303, PRIVATE)

    def extras(self, said: Said, viewer: Viewer) -> Extras:
        """What is shown with one line."""
        return self.days.extras([said], self.log.visibility.channels(viewer))

    def page(self, viewer: Viewer, template: str, **values: Any) -> Response:
        """A page that may differ by who reads it."""
        page = self.frame.page(template, **values)
        page.headers.update(OPEN if viewer == EVERYBODY else PRIVATE)
        page.headers["Content-Security-Policy"] = FORM_POLICY
        if self.frame.settings().web.index:
            page.headers["X-Robots-Tag"] = "all"
        return page


def place_of(frame: Frame, seen: Seen) -> str:
    """The path of a channel's calendar."""
    return str(frame.of_channel(seen)["place"])
