"""How the bot is: /health for who watches over it, /metrics for Prometheus. Counts only: no names, no secrets."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chanops.services.line_rows import Said
from chanops.web.frame import Frame

KIND = "text/plain; version=0.0.4; charset=utf-8"
FRESH = {"Cache-Control": "no-store"}
COMMITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
METHODS = ("GET", "HEAD", "POST")
Counts = Mapping[str, int]


def nothing() -> Counts:
    """Where there is nothing to count."""
    return {}


@dataclass(frozen=True)
class Gauges:
    """Where the figures come from; each may be asked from any thread."""

    networks: Callable[[], Mapping[str, bool]] = dict
    """Each network, and whether the bot is online there."""
    trouble: Callable[[], str] = str
    """What is wrong with the log, "" where nothing is."""
    lines_waiting: Callable[[], int] = int
    lines_lost: Callable[[], int] = int
    writes_waiting: Callable[[], int] = int
    jobs: Callable[[], Counts] = nothing
    """By state."""
    links: Callable[[], int] = int
    titles: Callable[[], Counts] = nothing
    """How many pages were asked for their titles, by what came of it."""
    watchers: Callable[[], int] = int
    """Open streams of live pages."""
    version: str = ""


class Figures(Collector):
    """What is read when Prometheus asks."""

    def __init__(self, gauges: Gauges) -> None:
        self.gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """All of it."""
        gauges = self.gauges
        online = list(gauges.networks().values())
        yield gauge("networks", "Networks to be on.", len(online))
        yield gauge("networks_online", "Networks on which the bot is.", sum(online))
        yield gauge("log_trouble", "1 while the log cannot be written.", int(bool(gauges.trouble())))
        yield gauge("lines_waiting", "Lines that wait to be written.", gauges.lines_waiting())
        yield gauge("writes_waiting", "Tasks that wait for the database's writer.", gauges.writes_waiting())
        yield counter("lines_lost", "Lines that could not be written.", gauges.lines_lost())
        yield counter("links", "Links that were kept.", gauges.links())
        yield gauge("watchers", "Open streams of live pages.", gauges.watchers())
        jobs = GaugeMetricFamily("chanops_jobs", "Jobs by state.", labels=["state"])
        for state, count in sorted(gauges.jobs().items()):
            jobs.add_metric([state], count)
        yield jobs
        titles = CounterMetricFamily("chanops_titles", "Pages that were asked for their titles.", labels=["result"])
        for result, count in sorted(gauges.titles().items()):
            titles.add_metric([result], count)
        yield titles


class Metrics:
    """Counts what happens, in a registry of its own."""

    def __init__(self, gauges: Gauges) -> None:
        self.registry = CollectorRegistry()
        self.lines = Counter("chanops_lines", "Lines that were written.", ["kind"], registry=self.registry)
        self.commits = Histogram(
            "chanops_commit_seconds", "How long a group of lines took.", buckets=COMMITS, registry=self.registry
        )
        of = ["route", "method", "status"]
        self.requests = Counter("chanops_http_requests", "Answers.", of, registry=self.registry)
        self.seconds = Histogram("chanops_http_seconds", "Until an answer began.", ["route"], registry=self.registry)
        self.registry.register(Figures(gauges))
        ProcessCollector(registry=self.registry)

    def kept(self, new: Sequence[Said]) -> None:
        """Lines were written."""
        for line in new:
            self.lines.labels(line.kind).inc()

    def committed(self, seconds: float) -> None:
        """They took that long."""
        self.commits.observe(seconds)

    def counting(self, app: ASGIApp) -> ASGIApp:
        """The application, each answer counted by its route and status."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            began = time.monotonic()

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route, method = route_of(scope), scope["method"]
                    self.seconds.labels(route).observe(time.monotonic() - began)
                    known = method if method in METHODS else "other"
                    self.requests.labels(route, known, str(message["status"])).inc()
                await send(message)

            await app(scope, receive, sending)

        return counted

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)


class Health:
    """The two pages."""

    def __init__(self, gauges: Gauges, metrics: Metrics, frame: Frame) -> None:
        self.gauges, self.metrics, self.frame = gauges, metrics, frame
        self.began = time.monotonic()

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/health", self.health), Route("/metrics", self.figures)]

    def health(self, request: Request) -> Response:
        """200 where all is well, else 503."""
        online = list(self.gauges.networks().values())
        writable = not self.gauges.trouble()
        well = writable and all(online)
        told = {
            "status": "ok" if well else "degraded",
            "networks": {"online": sum(online), "of": len(online)},
            "database": "ok" if writable else "not written",
            "waiting": {"lines": self.gauges.lines_waiting(), "writes": self.gauges.writes_waiting()},
            "version": self.gauges.version,
            "uptime": int(time.monotonic() - self.began),
        }
        return JSONResponse(told, 200 if well else 503, FRESH)

    def figures(self, request: Request) -> Response:
        """All figures, where [web] metrics = yes."""
        if not self.frame.settings().web.metrics:
            return self.frame.missing(request)
        return Response(self.metrics.text(), media_type=KIND, headers=FRESH)


def route_of(scope: Scope) -> str:
    """The pattern of the address, never the address itself, of which there is no end."""
    return str(getattr(scope.get("route"), "path", "")) or "other"


def gauge(name: str, doc: str, value: float) -> Metric:
    return GaugeMetricFamily(f"chanops_{name}", doc, value=value)


def counter(name: str, doc: str, value: float) -> Metric:
    return CounterMetricFamily(f"chanops_{name}", doc, value=value)
