"""Where the token goes, and where it does not."""

import logging
import traceback

import pytest

from chanops.providers.base import AuthError, BadRequest, Order, OutcomeUnknown, ProviderError, Unreachable
from chanops.providers.digitalocean import transport
from chanops.providers.digitalocean.changes import OurDroplet
from tests.providers.conftest import DROPLET, reply
from tests.providers.test_digitalocean_trouble import CHANGES

SECRET = "dop_v1_0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("link", ["https://{other}/v2/droplets?page=2", "http://{other}/v2/droplets?page=2"])
def test_a_list_that_goes_on_elsewhere(raw, other, opened, link):
    raw.answer = reply(200, {"droplets": [], "links": {"pages": {"next": link.format(other=other.host)}}})
    with pytest.raises(ProviderError, match="leads to another host: refused"):
        opened(raw.url).machines()
    assert (len(raw.requests), other.connections) == (1, 0)


def test_a_list_of_the_simulated_cloud_that_goes_on_elsewhere(cloud, provider, fault, other):
    cloud.world.add_droplet("web")
    fault("foreign-next", host=other.host)
    with pytest.raises(ProviderError, match="another host"):
        provider.machines()
    assert other.connections == 0


@pytest.mark.parametrize(
    "link",
    ["//{other}/v2/droplets?page=2", "http://{ours}@{other}/v2/x?page=2", "http://{ours}/admin?page=2", "ftp://x"],
)
def test_a_list_that_goes_on_elsewhere_in_disguise(raw, other, opened, link):
    link = link.format(other=other.host, ours=raw.host)
    raw.answer = reply(200, {"droplets": [], "links": {"pages": {"next": link}}})
    with pytest.raises(ProviderError, match="another host"):
        opened(raw.url).machines()
    assert (len(raw.requests), other.connections) == (1, 0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("target", ["http://{other}/v2/droplets", "/elsewhere", ""])
def test_no_redirect_is_followed(raw, other, opened, status, target):
    headers = {"Location": target.format(other=other.host)} if target else {}
    raw.answer = reply(status, b"" if status == 304 else {"droplets": [], "droplet": DROPLET}, **headers)
    with pytest.raises(Unreachable, match=f"status {status}"):
        opened(raw.url).machines()
    raw.requests.clear()
    for change in CHANGES.values():
        with pytest.raises(OutcomeUnknown):
            change(opened(raw.url), "5")
    assert (len(raw.requests), other.connections) == (len(CHANGES), 0)


IDS = [
    "",
    "5/actions",
    "../account",
    "5?x",
    "5#",
    "-5",
    "+5",
    " 5",
    "5\n",
    "٣",
    "²",
    "1e3",
    "0x5",
    "9" * 19,
    "9" * 5000,
    "web",
]


@pytest.mark.parametrize("id", IDS)
def test_what_is_no_id_gets_into_no_address(cloud, provider, id):
    for ask in (provider.machine, provider.action, provider.destroy, provider.delete_image, provider.start):
        with pytest.raises(BadRequest, match="is no id"):
            ask(id)
    for name in set(CHANGES) - {"create", "delete_image", "add_key"}:
        with pytest.raises(BadRequest):
            CHANGES[name](provider, id)
    with pytest.raises(BadRequest):
        provider.rebuild("5", id)
    assert not cloud.requests


@pytest.mark.parametrize("tag", ["", "..", ".", "a/b", "a?b", "a#b", "a b", "a%2fb", "ä", "a\n", "a" * 256])
def test_what_is_no_tag_gets_into_no_address(cloud, provider, tag):
    id = str(cloud.world.add_droplet("web"))
    for add, remove in (([tag], []), ([], [tag]), (["good"], [tag])):
        with pytest.raises(BadRequest, match="is no tag"):
            provider.tag(id, add, remove)
    with pytest.raises(BadRequest):
        provider.create(Order("a", "b", "c", "d", (tag,)))
    assert not cloud.requests


@pytest.mark.parametrize("address", ["", "x", "1.2.3", "1.2.3.4/../..", "1.2.3.4?x", "::1", "fe80::1%../x", "１.2.3.4"])
def test_what_is_no_address_gets_into_no_address(cloud, provider, address):
    with pytest.raises(BadRequest):
        provider.point_address(address, "5")
    with pytest.raises(BadRequest):
        provider.point_dns("web.example.org", address)
    assert not cloud.requests


@pytest.mark.parametrize(
    "record", ["", "x", "a..b", "a/b.example.org", "a b.c", "../x.org", "a?.org", "-", "a.b\n", "ä.org"]
)
def test_what_is_no_record_gets_into_no_address(cloud, provider, record):
    with pytest.raises(BadRequest):
        provider.point_dns(record, "192.0.2.1")
    assert not cloud.requests


def everything(error):
    """All that a log could hold of an error, and what is behind it."""
    text = "".join(traceback.format_exception(error)) + repr(error) + str(error) + str(error.args)
    return text + str(vars(error))


def test_the_token_is_in_no_text(cloud, opened, raw, fault, hasty, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "digitalocean", "chanops"):
        caplog.set_level(logging.DEBUG, name)
    said = []

    def trouble(ask):
        with pytest.raises(ProviderError) as caught:
            ask()
        said.append(everything(caught.value))

    provider = opened(cloud.url, token=SECRET)
    said.append(repr(provider) + repr(provider.transport) + str(provider.transport) + repr(provider.droplet("5")))
    trouble(provider.machines)
    assert "do refuses the token ([provider:do] token)" in said[-1]
    trouble(lambda: provider.start("5"))
    echo = {"message": f"{'x' * 180} {SECRET} you said"}
    for status, body in ((401, echo), (422, echo), (500, echo), (200, [SECRET]), (200, b"x")):
        raw.answer = reply(status, body)
        for ask in (lambda: opened(raw.url, token=SECRET).machines(), lambda: opened(raw.url, token=SECRET).start("5")):
            trouble(ask)
    raw.answer = lambda connection, request: None
    trouble(opened(raw.url, token=SECRET).machines)
    trouble(lambda: opened(raw.url, token=SECRET).destroy("5"))
    trouble(opened("http://127.0.0.1:1", token=SECRET).machines)
    text = "\n".join(said) + caplog.text + "".join(str(vars(each)) for each in caplog.records)
    assert "0123456789" not in text
    assert SECRET.encode() in raw.requests[0]


def test_the_librarys_objects_know_no_token(provider, monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "another")
    droplet = provider.droplet("5")
    assert isinstance(droplet, OurDroplet)
    assert not droplet.token
    assert "demo-token" not in str({key: value for key, value in vars(droplet).items() if key != "transport"})


@pytest.mark.parametrize("end_point", ["http://{other}/v2/", "nonsense"])
def test_the_environment_does_not_say_where_the_token_goes(cloud, opened, other, monkeypatch, tmp_path, end_point):
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", end_point.format(other=other.host))
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "another")
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{other.host}")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\ndefault login x password y\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    id = str(cloud.world.add_droplet("web"))
    provider = opened(cloud.url)
    assert provider.machine(id).name == "web"
    assert provider.reboot(id)
    assert other.connections == 0


def test_a_netrc_does_not_replace_the_token_over_tls(tls, opened, certificate, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    (tmp_path / "netrc").write_text("default login x password y\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    tls.answer = reply(200, {"droplet": DROPLET, "action": {"id": 1}})
    opened(tls.url, token=SECRET).machine("5")
    opened(tls.url, token=SECRET).start("5")
    assert all(f"Authorization: Bearer {SECRET}\r\n".encode() in each for each in tls.requests)


def test_a_proxy_gets_a_tunnel_and_no_token(tls, opened, other, certificate, monkeypatch):
    monkeypatch.setattr(transport, "PATIENCE", 0)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
    monkeypatch.setenv("https_proxy", f"http://{other.host}")
    other.answer = reply(403)
    provider = opened(tls.url, token=SECRET)
    with pytest.raises(Unreachable, match="ProxyError"):
        provider.machine("5")
    with pytest.raises(Unreachable, match="ProxyError"):
        provider.start("5")
    assert all(each.startswith(f"CONNECT {tls.host} ".encode()) for each in other.requests)
    assert SECRET.encode() not in b"".join(other.requests)
    seen = other.connections
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tls.answer = reply(200, {"droplet": DROPLET})
    assert provider.machine("5").name == "web"
    assert (other.connections, len(tls.requests)) == (seen, 1)


def test_accounts_with_one_token_at_two_clouds_and_two_tokens_at_one(raw, other, opened):
    for server, name in ((raw, "raw"), (other, "other")):
        server.answer = reply(200, {"droplet": {**DROPLET, "name": name}, "action": {"id": 1}})
    first, second = opened(raw.url, "first", "same"), opened(other.url, "second", "same")
    third = opened(other.url, "third", "different")
    for _ in range(2):
        assert [each.machine("5").name for each in (first, second, third)] == ["raw", "other", "other"]
        assert [each.machine("5").provider for each in (first, second, third)] == ["first", "second", "third"]
        for each in (first, second, third):
            each.start("5")
    sent = b"".join(other.requests)
    assert b"Bearer different" not in b"".join(raw.requests)
    assert sent.count(b"Bearer same") == sent.count(b"Bearer different") == len(other.requests) / 2 == 6
    raw.answer = reply(422, {"message": "no"})
    with pytest.raises(BadRequest, match=r"^first: no"):
        first.destroy("5")


def test_without_a_token(cloud, opened):
    with pytest.raises(AuthError):
        opened(cloud.url, token="").machines()
