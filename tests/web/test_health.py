"""How the bot is, for those who watch over it: true figures, and no names."""

import contextlib
import http.client
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chanops.core.sections import Settings, WebSettings
from chanops.services.line_rows import Said
from chanops.web.frame import Frame
from chanops.web.health import Gauges, Health, Metrics
from chanops.web.port import Port
from chanops.web.server import WebServer
from tests.web.memory import NOON
from tests.web.served import Answer


class Watched:
    """A bot of which only this is to be seen."""

    def __init__(self, gauges=None):
        self.settings, self.trouble = Settings(), ""
        self.networks = {"secret-network": True, "other-network": True}
        self.gauges = gauges or Gauges(
            networks=lambda: self.networks,
            trouble=lambda: self.trouble,
            lines_waiting=lambda: 3,
            lines_lost=lambda: 7,
            writes_waiting=lambda: 2,
            jobs=lambda: {"done": 5, "running": 1},
            links=lambda: 11,
            titles=lambda: {"found": 4},
            watchers=lambda: 9,
            version="1.2.3",
        )
        self.metrics = Metrics(self.gauges)
        routes = [
            *Health(self.gauges, self.metrics, Frame(lambda: self.settings)).routes,
            Route("/log/{channel}/", lambda request: PlainTextResponse("hello")),
            Route("/broken", lambda request: 1 / 0),
        ]
        self.port = Port("127.0.0.1:0")
        self.port.bind()
        self.server = WebServer(self.port)
        self.server.serve_with(self.metrics.counting(Starlette(routes=routes)))

    def ask(self, path, method="GET"):
        with contextlib.closing(http.client.HTTPConnection(self.port.address, timeout=15)) as connection:
            connection.request(method, path)
            return Answer(connection.getresponse())

    def health(self):
        answer = self.ask("/health")
        assert answer.headers["cache-control"] == "no-store"
        return answer.status, json.loads(answer.body)

    def figures(self):
        """All samples by name and labels."""
        answer = self.ask("/metrics")
        assert answer.status == 200
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.body)
            for sample in family.samples
        }


@pytest.fixture
def start():
    made = []

    def begin(*args):
        made.append(Watched(*args))
        return made[-1]

    yield begin
    for each in made:
        each.server.stop()


@pytest.fixture
def watched(start):
    return start()


def test_all_is_well(watched):
    status, told = watched.health()
    assert status == 200
    assert told.pop("uptime") >= 0
    assert told == {
        "status": "ok",
        "networks": {"online": 2, "of": 2},
        "database": "ok",
        "waiting": {"lines": 3, "writes": 2},
        "version": "1.2.3",
    }


def test_a_network_where_the_bot_is_not_is_said(watched):
    watched.networks["other-network"] = False
    status, told = watched.health()
    assert (status, told["status"], told["networks"]) == (503, "degraded", {"online": 1, "of": 2})


def test_a_log_that_cannot_be_written_is_said_without_the_details(watched):
    watched.trouble = "not stored: the database says: disk full at /var/lib/chanops: password"
    status, told = watched.health()
    assert (status, told["status"], told["database"]) == (503, "degraded", "not written")
    assert "password" not in json.dumps(told)
    watched.trouble = ""
    assert watched.health()[0] == 200


def test_without_networks_and_figures_it_is_well(start):
    nothing = start(Gauges())
    assert nothing.health()[0] == 200
    assert nothing.figures()["chanops_networks",] == 0


def test_the_figures_are_those_of_the_bot(watched):
    found = watched.figures()
    assert found["chanops_networks",] == 2
    assert found["chanops_networks_online",] == 2
    assert found["chanops_log_trouble",] == 0
    assert found["chanops_lines_waiting",] == 3
    assert found["chanops_lines_lost_total",] == 7
    assert found["chanops_writes_waiting",] == 2
    assert found["chanops_links_total",] == 11
    assert found["chanops_watchers",] == 9
    assert found["chanops_jobs", ("state", "done")] == 5
    assert found["chanops_titles_total", ("result", "found")] == 4
    assert found["process_resident_memory_bytes",] > 1_000_000
    assert found["process_open_fds",] > 0


def test_lines_are_counted_by_kind_and_commits_by_how_long_they_took(watched):
    kinds = ("message", "message", "join")
    watched.metrics.kept([Said(n, "net", "#secret", NOON, "alice", "", kind, "text") for n, kind in enumerate(kinds)])
    watched.metrics.committed(0.004)
    watched.metrics.committed(0.2)
    found = watched.figures()
    assert found["chanops_lines_total", ("kind", "message")] == 2
    assert found["chanops_lines_total", ("kind", "join")] == 1
    assert found["chanops_commit_seconds_count",] == 2
    assert found["chanops_commit_seconds_bucket", ("le", "0.005")] == 1


def test_answers_are_counted_by_their_route_and_no_address_is_a_figure(watched):
    for path in ("/log/secret/", "/log/other/", "/nothing/here", "/broken"):
        watched.ask(path)
    watched.ask("/log/secret/", "POST")
    watched.ask("/log/secret/", "PROPFIND")
    found = watched.figures()

    def count(route, status, method="GET"):
        return found["chanops_http_requests_total", ("method", method), ("route", route), ("status", status)]

    assert count("/log/{channel}/", "200") == 2
    assert count("/log/{channel}/", "405", "POST") == 1
    assert count("/log/{channel}/", "405", "other") == 1
    assert count("other", "404") == 1
    assert count("/broken", "500") == 1
    assert found["chanops_http_seconds_count", ("route", "/log/{channel}/")] == 4


def test_no_name_is_among_the_figures(watched):
    watched.metrics.kept([Said(1, "secret-network", "#secret", NOON, "alice", "", "message", "a secret")])
    watched.ask("/log/secret/")
    told = watched.ask("/metrics").body + watched.ask("/health").body
    for name in ("secret", "alice", "other-network"):
        assert name not in told


def test_two_bots_in_one_process_count_for_themselves(start):
    first, second = start(), start()
    first.metrics.committed(1)
    assert first.figures()["chanops_commit_seconds_count",] == 1
    assert second.figures()["chanops_commit_seconds_count",] == 0


def test_figures_can_be_turned_off(watched):
    watched.settings = Settings(web=WebSettings(metrics=False))
    assert watched.ask("/metrics").status == 404
    assert watched.health()[0] == 200
