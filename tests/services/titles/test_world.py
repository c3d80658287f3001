"""Against an internet of our own: nothing inside is ever connected to, and no page takes more than its time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers import give_up, require_tools

from tests.services.titles.spellings import EXPECTED, INSIDE, MALFORMED, OUTSIDE, REFUSED
from tests.services.titles.world_names import PUBLIC, PUBLIC_6

SCRIPT = Path(__file__).with_name("world.py")
MODULES = Path(__file__).parents[3] / "modules"
PUBLIC_ONES = {PUBLIC, PUBLIC_6, "64:ff9b::102:304"}  # the last is the way to the first through NAT64
MOST_SECONDS, MOST_GROWN, MOST_SENT = 6.0, 40_000, 300_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    require_tools("unshare", "ip", "mount", "openssl")
    permitted = ["unshare", "--net", "--mount", *(["--map-root-user"] if os.geteuid() else []), "ip", "link"]
    tried = subprocess.run(permitted, capture_output=True, text=True, timeout=20)
    if tried.returncode:
        give_up(f"namespaces are not permitted here: {tried.stderr.strip()}")
    folder = tmp_path_factory.mktemp("world")
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=public.test "
        f"-addext subjectAltName=DNS:public.test -keyout {folder}/key.pem -out {folder}/trusted.pem "
        f"&& cat {folder}/key.pem {folder}/trusted.pem > {folder}/server.pem",
        shell=True, check=True, capture_output=True,
    )  # fmt: skip
    proxy = "http://10.0.0.5:8080"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), str(folder)],
        env=os.environ
        | {"PYTHONPATH": str(MODULES), "SSL_CERT_FILE": f"{folder}/trusted.pem"}
        | dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def titles(outcomes):
    return {each: found.get("title", found["result"]) for each, found in outcomes.items()}


def hits(noted):
    return [(each["hit"], each["port"]) for each in noted if "hit" in each]


def test_there_are_many_spellings():
    assert len(INSIDE) + len(MALFORMED) > 100
    assert len(EXPECTED) == len(INSIDE) + len(MALFORMED) + len(OUTSIDE)


@pytest.mark.parametrize("address", EXPECTED, ids=lambda each: ascii(each)[1:60])
def test_an_address_is_asked_only_where_it_leads_outside(world, address):
    assert titles(world["spellings"])[address] == EXPECTED[address]


@pytest.mark.parametrize("address", [*INSIDE, *(each for each in OUTSIDE if "rebind" not in each)])
def test_a_page_leads_on_only_to_where_anybody_may_go(world, address):
    assert titles(world["led there"])[address] == EXPECTED[address]


def test_nothing_inside_was_connected_to(world):
    found = hits(world["noted"])
    assert len(found) > 150
    assert {host for host, _ in found} == PUBLIC_ONES
    assert {port for _, port in found} == {80, 443}


def test_a_name_that_changes_its_address_is_followed_nowhere(world):
    assert titles(world["rebound"]) == {"same page": "public", "led to itself": REFUSED, "again": REFUSED}
    asked = [each["asked"] for each in world["noted"] if each.get("kind") == 1]
    assert asked.count("2.rebind.test") == 1
    assert asked.count("3.rebind.test") == 2


def test_inside_hosts_are_asked_where_they_are_named(world):
    inside = "http://inside.test/"
    assert titles(world["inside"]) == {
        inside: "public",
        "http://inside.test:8080/": "public",
        "http://inside.test:6379/": REFUSED,
        "http://127.0.0.1:6379/": "public",
        "http://127.0.0.1/": REFUSED,
        "http://private.test/": REFUSED,
        f"http://public.test/to?{inside}": "public",
    }
    assert sorted(hits(world["noted inside"])) == sorted(
        [("10.0.0.5", 80), ("10.0.0.5", 8080), ("127.0.0.1", 6379), ("1.2.3.4", 80), ("10.0.0.5", 80)]
    )


def test_a_request_says_nothing_of_us_or_of_what_was_asked_before(world):
    requests = [each for each in world["noted"] if "head" in each]
    for each in requests:
        names = [line.partition(":")[0] for line in each["head"].splitlines()[1:] if line]
        assert names == ["Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"]
        assert "evil" not in each["head"]
    heads = "".join(each["head"] for each in requests)
    assert "Host: public.test\r\n" in heads
    assert "Host: [2600::1]\r\n" in heads
    assert "Host: xn--bcher-kva.test\r\n" in heads
    assert "GET /%C3%A4?%C3%B6=%C3%BC HTTP/1.1\r\n" in heads


@pytest.mark.parametrize(("path", "title"), {
    "/": "public",
    "/loop": REFUSED,
    "/circle-1": REFUSED,
    "/relative/a": "good",
    "/schemeless": "public",
    "/utf8": "utf8",
    "/nowhere": REFUSED,
    "/missing": REFUSED,
    "/broken": REFUSED,
    "/secure": "public",
    "/gzip": "public",
    "/deflate": "public",
    "/raw-deflate": "public",
    "/br": REFUSED,
    "/nested": REFUSED,
    "/cut-gzip": "public",
    "/no-gzip": REFUSED,
    "/chunked": "public",
    "/chunk-junk": REFUSED,
    "/pdf": "",
    "/text": "",
    "/kindless": "",
    "/early": "public",
    "/latin": "grüße",
    "/junk": REFUSED,
    "/nothing": REFUSED,
    "/cut": "public",
}.items())  # fmt: skip
def test_what_a_server_answers_is_understood_or_refused(world, path, title):
    assert titles(world["pages"])[path] == title


def test_what_is_no_page_has_a_kind_and_a_size(world):
    found = world["pages"]["/pdf"]
    assert (found["kind"], found["size"], found["address"]) == ("application/pdf", 8, "http://public.test/pdf")
    assert world["pages"]["/relative/a"]["address"] == "http://public.test/good?x=1"


def test_a_page_leads_on_five_times_and_no_more(world):
    assert titles(world["hops"]) == {"4": "public", "5": "public", "6": REFUSED}


def test_a_certificate_must_be_of_the_host_and_what_is_secure_stays_so(world):
    why = {address: found.get("why", found.get("title")) for address, found in world["secure"].items()}
    assert why == {
        "https://public.test/": "public",
        "https://wrong.test/": "wrong.test has no valid certificate",
        "https://public.test/downgrade": "public.test leads from https to http",
    }


@pytest.mark.parametrize(("path", "title"), {
    "/never": REFUSED,
    "/slow-head": REFUSED,
    "/slow-body": REFUSED,
    "/slow-hop": REFUSED,
    "/slow-after": "in time",
    "/slow-later": "at once",
    "/big": "",
    "/bomb": "",
    "/many-headers": REFUSED,
    "/long-header": REFUSED,
    "/promises": REFUSED,
    "/hints": REFUSED,
}.items())  # fmt: skip
def test_a_page_made_to_do_harm_takes_little(world, path, title):
    found = world["hostile"][path]
    assert titles(world["hostile"])[path] == title
    assert found["seconds"] < (1.0 if title == "at once" else MOST_SECONDS)
    assert found["grown"] < MOST_GROWN
    # What the kernel took in advance counts here too.
    assert sum(each["sent"] for each in world["noted"] if "sent" in each and each["path"] == path) < MOST_SENT


def test_a_name_server_that_is_silent_takes_no_more_than_the_time_there_is(world):
    found = world["hanging name"]
    assert found["why"] == "the address of hang.test was not found within 2 s"
    assert found["seconds"] < 3


def test_why_a_page_was_not_asked_is_one_line(world):
    parts = ("spellings", "led there", "pages", "hops", "secure", "hostile", "inside")
    for why in (found["why"] for part in parts for found in world[part].values() if "why" in found):
        assert why.isprintable()
        assert len(why) < 400
