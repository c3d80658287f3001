"""What goes wrong between us and DigitalOcean: each trap is caused, with the real library, over real HTTP."""

import gzip
import socket
import time

import pytest

from chanops.providers.base import (
    AuthError,
    BadRequest,
    Busy,
    NotFound,
    Order,
    OutcomeUnknown,
    ProviderError,
    Quota,
    RateLimited,
    State,
    Unreachable,
)
from chanops.providers.digitalocean import pace, questions, transport
from chanops.simulator.digitalocean import CloudServer, Delays
from tests.providers.conftest import DROPLET, PLENTY, TOKEN, reply, until

ORDER = Order("new-1", "s-1vcpu-1gb", "fra1", "debian-12-x64")
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
CHANGES = {
    "create": lambda provider, id: provider.create(ORDER),
    "start": lambda provider, id: provider.start(id),
    "shut_down": lambda provider, id: provider.shut_down(id),
    "cut_power": lambda provider, id: provider.cut_power(id),
    "reboot": lambda provider, id: provider.reboot(id),
    "resize": lambda provider, id: provider.resize(id, "s-2vcpu-2gb", False),
    "rename": lambda provider, id: provider.rename(id, "other"),
    "snapshot": lambda provider, id: provider.snapshot(id, "s"),
    "rebuild": lambda provider, id: provider.rebuild(id, "5"),
    "destroy": lambda provider, id: provider.destroy(id),
    "delete_image": lambda provider, id: provider.delete_image("7"),
    "tag": lambda provider, id: provider.tag(id, ["a"], []),
    "untag": lambda provider, id: provider.tag(id, [], ["a"]),
    "point_address": lambda provider, id: provider.point_address("192.0.2.1", id),
    "add_key": lambda provider, id: provider.add_key("alice", PUBLIC),
}


@pytest.fixture
def id(cloud):
    return str(cloud.world.add_droplet("web"))


@pytest.fixture
def many(cloud):
    for number in range(250):
        cloud.world.add_droplet(f"web-{number}")


def changing(cloud):
    return [each for each in cloud.requests if each.method != "GET"]


def test_429_on_page_two_is_waited_for(cloud, provider, fault, many):
    fault("429-page-2", seconds=0.1)
    began = time.monotonic()
    assert len(provider.machines()) == 250
    assert time.monotonic() - began >= 0.1
    assert [each.status for each in cloud.requests] == [200, 429, 200]


@pytest.mark.parametrize("kind", ["429", "500-before", "502-html", "cut-before", "hang"])
def test_a_list_of_which_page_two_fails_is_no_list(cloud, provider, fault, many, asked, kind, hasty):
    def before(request):
        if "?page=2&" in request.target:
            asked.before = lambda request: None
            fault(kind, times=None, seconds=0.02 if kind == "429" else None)

    asked.before = before
    with pytest.raises((RateLimited, Unreachable)):
        provider.machines()
    assert len(cloud.requests) == 1 + transport.TRIES


def test_429_says_how_long(cloud, provider, fault, id):
    fault("429", seconds=0.3)
    cloud.world.set_status(int(id), "off")
    began = time.monotonic()
    assert provider.start(id)
    assert 0.3 <= time.monotonic() - began < 2
    assert [each.status for each in cloud.requests] == [429, 201], (
        "a change is sent again after a 429: nothing was done"
    )


def test_429_does_not_say_how_long(raw, opened):
    answers = [reply(429, {"id": "x"}), reply(429, b""), reply(200, {"droplet": DROPLET})]
    raw.answer = lambda connection, request: answers.pop(0)
    assert opened(raw.url).machine("5").name == "web"
    assert len(raw.requests) == 3


@pytest.mark.parametrize("said", ["1", "9" * 5000, "-1", "nan", "Wed, 21 Oct 2026 07:28:00 GMT", "１", "1e400"])
def test_429_says_something_odd(raw, opened, said, monkeypatch):
    answers = [reply(429, b"").replace(b"x\r\n", b"x\r\nRetry-After: " + said.encode() + b"\r\n", 1), reply()]
    raw.answer = lambda connection, request: answers.pop(0)
    monkeypatch.setattr(pace, "LONGEST_WAIT", 2)
    opened(raw.url).destroy("5")
    assert len(raw.requests) == 2


def test_a_wait_that_is_too_long_is_refused_and_nothing_more_is_sent(cloud, provider, fault, id):
    fault("429", seconds=3000)
    with pytest.raises(RateLimited, match=r"do: too many requests; nothing was done: try again in 30[01]0 s"):
        provider.destroy(id)
    with pytest.raises(RateLimited):
        provider.machines()
    assert len(cloud.requests) == 1
    assert not cloud.world.truth


def test_429_for_ever(cloud, provider, fault, id):
    fault("429", seconds=0.01, times=None)
    with pytest.raises(RateLimited):
        provider.start(id)
    assert len(cloud.requests) == transport.TRIES


def test_a_question_that_hangs(cloud, provider, fault, hasty):
    fault("hang", times=None)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="do cannot be reached"):
        provider.machines()
    assert time.monotonic() - began < transport.TRIES * 0.15 + 1
    assert len(cloud.requests) == transport.TRIES


def test_a_question_that_hangs_long_is_not_asked_again(cloud, provider, fault, hasty, monkeypatch):
    monkeypatch.setattr(transport, "PATIENCE", 0.2)
    fault("hang", times=None)
    with pytest.raises(Unreachable):
        provider.machines()
    assert len(cloud.requests) == 2


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_hangs_is_asked_for_once(cloud, provider, fault, id, change, hasty):
    fault("hang", times=None)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="do gave no answer"):
        CHANGES[change](provider, id)
    assert time.monotonic() - began < 2
    assert len(cloud.requests) == 1


@pytest.mark.parametrize("kind", ["cut-before", "cut-after", "hang-after", "500-before", "500-after", "502-html"])
@pytest.mark.parametrize("change", ["create", "start", "snapshot", "destroy"])
def test_an_answer_that_is_lost(cloud, provider, fault, id, change, kind, hasty):
    cloud.world.set_status(int(id), "off")
    happened = len(cloud.world.truth)
    fault(kind, times=None, method="DELETE" if change == "destroy" else "POST")
    with pytest.raises(OutcomeUnknown, match="may have been done"):
        CHANGES[change](provider, id)
    assert len(changing(cloud)) == 1
    if kind.endswith("-after"):
        until(lambda: len(cloud.world.truth) > happened)
    else:
        assert len(cloud.world.truth) == happened


@pytest.mark.parametrize("kind", ["cut-before", "500-before", "502-html"])
def test_a_question_is_asked_again(cloud, provider, fault, kind, id):
    fault(kind, times=transport.TRIES - 1)
    assert [each.id for each in provider.machines()] == [id]
    fault(kind, times=None)
    with pytest.raises(Unreachable):
        provider.machines()


def test_an_answer_byte_by_byte(cloud, provider, fault, id, hasty):
    fault("drip", seconds=0.01, times=None)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        provider.create(ORDER)
    assert time.monotonic() - began < 2
    assert len(changing(cloud)) == 1


def drip(server, data):
    def answer(connection, request):
        for byte in data:
            if server.ended.wait(0.02):
                break
            connection.sendall(bytes([byte]))

    return answer


@pytest.mark.parametrize("how", ["headers", "body", "body without a length"])
@pytest.mark.parametrize("secure", [False, True])
def test_drips(raw, tls, opened, certificate, hasty, monkeypatch, how, secure):
    server = tls if secure else raw
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    monkeypatch.setattr(transport, "PATIENCE", 0)
    whole = reply(200, {"droplet": DROPLET, "x": "x" * 2000}, X_Long="x" * (5000 if how == "headers" else 1))
    if how != "headers":
        head, _, rest = whole.partition(b"\r\n\r\n")
        head = head.replace(b"Content-Length", b"No-Length") if "without" in how else head
        dripping = drip(server, rest)
        server.answer = lambda connection, request: (connection.sendall(head + b"\r\n\r\n"), dripping(connection, b""))[
            1
        ]
    else:
        server.answer = drip(server, whole)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        opened(server.url).machine("5")
    with pytest.raises(OutcomeUnknown):
        opened(server.url).destroy("5")
    assert time.monotonic() - began < 4
    assert len(server.requests) == 2


def test_nobody_listens(opened, other):
    url = other.url
    other.stop()
    other.stop = lambda: None
    provider = opened(url)
    with pytest.raises(Unreachable, match="do cannot be reached"):
        provider.machines()
    for change in CHANGES.values():
        with pytest.raises(Unreachable):
            change(provider, "5")


def test_a_certificate_that_nobody_knows(tls, opened):
    for ask in (lambda provider: provider.machines(), lambda provider: provider.destroy("5")):
        with pytest.raises(Unreachable, match="SSLError"):
            ask(opened(tls.url))
    assert not tls.requests


def test_tls_that_ends_after_the_request(tls, opened, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    tls.answer = reply(200, {"action": {"id": 7}})
    assert opened(tls.url).start("5") == "7"

    def garbage(connection, request):
        socket.socket.send(connection, b"\x17\x03\x03\x00\x10" + b"x" * 16)

    tls.answer = garbage
    with pytest.raises(OutcomeUnknown):
        opened(tls.url).start("5")
    assert len(tls.requests) == 2


def test_an_idle_connection_is_closed_by_the_cloud(opened):
    cloud = CloudServer(delays=Delays.quick(), limits=PLENTY, port=0)
    cloud.start()
    cloud._asked = ("127.0.0.1", int(cloud.root.rpartition(":")[2]))
    id = str(cloud.world.add_droplet("web"))
    provider = opened(cloud.url)
    try:
        for _ in range(3):
            assert provider.machine(id).name == "web"
            cloud.stop()
            cloud.start()
            assert provider.reboot(id)
            until(lambda: not provider.machine(id).locked)
            cloud.stop()
            cloud.start()
    finally:
        cloud.stop()


def test_a_connection_is_closed_just_when_it_is_used_again(raw, opened):
    count = []

    def answer(connection, request):
        count.append(connection)
        return reply(200, {"droplet": DROPLET, "action": {"id": 1}}) if count.count(connection) == 1 else None

    raw.answer, provider = answer, opened(raw.url)
    for _ in range(3):
        assert provider.machine("5").id == "5"
        assert provider.start("5") == "1"


def test_networks_that_are_not_there_yet(cloud, provider, fault, id):
    made = provider.create(ORDER)
    assert (made.state, made.address) == (State.CREATING, "")
    fault("bare-networks", times=None)
    assert [each.address for each in provider.machines()] == ["", ""]
    assert provider.machine(id).address == ""


def test_pending_event(cloud, provider, fault, id):
    for change in (provider.start, provider.destroy):
        fault("pending")
        with pytest.raises(Busy, match="pending event"):
            change(id)
    assert not cloud.world.truth
    provider.snapshot(id, "s")
    with pytest.raises(Busy):
        provider.destroy(id)


def test_422_and_404(cloud, provider, id):
    for order in (Order("a b", ORDER.size, "fra1", ORDER.image), Order("a", "huge", "fra1", ORDER.image)):
        with pytest.raises(BadRequest, match=r"^do: "):
            provider.create(order)
    cloud.world.droplet_limit = 1
    with pytest.raises(Quota, match=r"do: .*exceed your droplet limit"):
        provider.create(ORDER)
    for ask in (provider.machine, provider.action, provider.start, provider.destroy, provider.delete_image):
        with pytest.raises(NotFound):
            ask("999")


def test_status_that_lags(provider, fault, id):
    fault("status-lag", seconds=0.3)
    action = provider.shut_down(id)
    until(lambda: provider.action(action).state == "done")
    assert provider.machine(id).state == State.RUNNING
    until(lambda: provider.machine(id).state == State.OFF)


WRONG = [
    (401, {}, AuthError),
    (403, {"id": "forbidden"}, AuthError),
    (403, {"message": "this will exceed your droplet limit"}, Quota),
    (404, b"<html>", NotFound),
    (409, {"message": 5}, Busy),
    (422, {"id": 5}, BadRequest),
    (422, [1], BadRequest),
    (400, b"", BadRequest),
    (451, b"\xff\xfe", BadRequest),
]


@pytest.mark.parametrize(("status", "body", "kind"), WRONG)
def test_errors_that_are_not_as_described(raw, opened, status, body, kind):
    raw.answer = reply(status, body)
    for ask in (lambda provider: provider.machines(), lambda provider: provider.start("5")):
        with pytest.raises(ProviderError) as caught:
            ask(opened(raw.url))
        assert type(caught.value) is kind
    assert len(raw.requests) == 2


def test_408_says_nothing_of_what_was_done(raw, opened):
    raw.answer = reply(408, {"message": "slow"})
    with pytest.raises(Unreachable):
        opened(raw.url).machines()
    with pytest.raises(OutcomeUnknown):
        opened(raw.url).start("5")


UNREADABLE = {
    "empty": b"",
    "list": [1],
    "number": 5,
    "null": None,
    "text": "x",
    "half": b'{"droplets": [',
    "bytes": b"\xff\x00\xff",
    "deep": b'{"droplets":' * 100_000,
    "digits": b'{"droplets": [' + b"9" * 10_000 + b"]}",
    "no list": {},
    "null list": {"droplets": None, "droplet": None, "action": None},
    "object": {"droplets": {}, "droplet": [], "action": {}},
    "odd links": {"droplets": [], "links": [], "droplet": 5, "action": 5},
    "odd pages": {"droplets": [], "links": {"pages": 5}, "action": {"id": None}},
    "odd next": {"droplets": [], "links": {"pages": {"next": {}}}, "action": {"id": "../5"}},
    "no address": {"droplets": [], "links": {"pages": {"next": "http://[::1"}}, "action": {"id": True}},
    "odd total": {"droplets": [], "meta": {"total": "x"}, "action": {"id": -1}},
    "odd droplet": {"droplets": [DROPLET, {}], "droplet": {}, "action": [5]},
}


@pytest.mark.parametrize("body", UNREADABLE)
def test_answers_that_cannot_be_read(raw, opened, body):
    raw.answer = reply(200, UNREADABLE[body])
    provider = opened(raw.url)
    for ask in (provider.machines, lambda: provider.machine("5")):
        with pytest.raises(Unreachable):
            ask()
    raw.requests.clear()
    for change in ("create", "start", "snapshot", "point_address"):
        with pytest.raises(OutcomeUnknown, match="may have been done"):
            CHANGES[change](provider, "5")
    assert len(raw.requests) == 4


def test_one_droplet_that_cannot_be_read_is_named(raw, opened):
    raw.answer = reply(200, {"droplets": [DROPLET, {**DROPLET, "id": 77, "disk": "\x1b[2Jx"}]})
    with pytest.raises(Unreachable, match="do: its answer cannot be read: droplet 77: disk is not a number"):
        opened(raw.url).machines()


def test_an_answer_without_end(raw, opened, monkeypatch):
    monkeypatch.setattr(transport, "PATIENCE", 0)
    sent = []

    def endless(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" " * 1_000_000)
            sent.append(1)

    raw.answer = endless
    with pytest.raises(Unreachable):
        opened(raw.url).machines()
    with pytest.raises(OutcomeUnknown):
        opened(raw.url).destroy("5")
    assert len(raw.requests) == 2
    assert len(sent) < 100


def test_a_bomb(raw, opened, monkeypatch):
    monkeypatch.setattr(transport, "PATIENCE", 0)
    raw.answer = reply(200, gzip.compress(b" " * 60_000_000), Content_Encoding="gzip")
    with pytest.raises(Unreachable, match="ContentDecodingError"):
        opened(raw.url).machines()


GARBAGE = [
    b"",
    b"\r\n\r\n",
    b"HTTP/1.1 xyz\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10, 20\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n{}",
    b"SSH-2.0-OpenSSH\r\n",
]


@pytest.mark.parametrize("number", range(len(GARBAGE)))
def test_answers_that_are_no_http(raw, opened, number):
    raw.answer = lambda connection, request: connection.sendall(GARBAGE[number])
    with pytest.raises(Unreachable):
        opened(raw.url).machines()
    raw.requests.clear()
    with pytest.raises(OutcomeUnknown):
        opened(raw.url).destroy("5")
    assert len(raw.requests) == 1


def test_more_than_200(cloud, provider, many):
    first = provider.machines()
    assert len({each.id for each in first}) == 250
    gone = cloud.world.add_droplet("gone")
    for number in range(430):
        cloud.world.add_snapshot(f"s-{number}", gone)
    assert len({each.id for each in provider.snapshots()}) == 430
    assert all(each.available and each.of == str(gone) for each in provider.snapshots())
    assert all("per_page=200" in each.query for each in cloud.requests)


def test_a_list_that_becomes_shorter_while_it_is_read_is_read_again(cloud, provider, many, asked):
    first = provider.machines()

    def before(request):
        if "?page=2&" in request.target:
            asked.before = lambda request: None
            cloud.world.destroy_outside(int(first[0].id))

    asked.before = before
    assert {each.id for each in provider.machines()} == {each.id for each in first[1:]}


def test_a_list_that_becomes_shorter_each_time_is_no_list(cloud, provider, many, asked):
    left = iter([int(each.id) for each in provider.machines()])
    asked.before = lambda request: "?page=2&" in request.target and cloud.world.destroy_outside(next(left))
    with pytest.raises(Unreachable, match="change faster"):
        provider.machines()


def test_what_is_on_two_pages_is_there_once(raw, opened):
    droplets = [{**DROPLET, "id": number} for number in range(1, 5)]
    link = {"pages": {"next": f"{raw.url}/droplets?page=2"}}
    pages = [{"droplets": droplets[:3], "links": link}, {"droplets": droplets[2:]}]
    raw.answer = lambda connection, request: reply(200, pages[b"?page=2&" in request])
    assert [each.id for each in opened(raw.url).machines()] == ["1", "2", "3", "4"]


def test_a_list_without_end(raw, opened, monkeypatch):
    monkeypatch.setattr(questions, "MOST_PAGES", 20)
    raw.answer = reply(200, {"droplets": [DROPLET], "links": {"pages": {"next": f"{raw.url}/droplets?page=2"}}})
    with pytest.raises(Unreachable, match="no end"):
        opened(raw.url).machines()
    assert len(raw.requests) == 20


def test_a_full_page_that_leads_nowhere_is_no_list(raw, opened):
    droplets = [{**DROPLET, "id": number} for number in range(1, 201)]
    raw.answer = reply(200, {"droplets": droplets, "meta": {"total": 201}})
    with pytest.raises(Unreachable, match="droplets is not whole"):
        opened(raw.url).machines()


def test_a_change_is_never_paged(raw, opened):
    raw.answer = reply(200, {"droplet": DROPLET, "links": {"pages": {"next": f"{raw.url}/droplets?page=2"}}})
    assert opened(raw.url).create(ORDER).id == "5"
    assert len(raw.requests) == 1


def test_wrong_token(cloud, opened):
    provider = opened(cloud.url, token=f"{TOKEN}x")
    for ask in (provider.machines, provider.account, lambda: provider.start("5")):
        with pytest.raises(AuthError, match=r"do refuses the token \(\[provider:do\] token\): Unable"):
            ask()
