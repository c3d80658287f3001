"""What stands behind a link: its page's title, found without being led astray."""

import contextlib
import re
import ssl
from email.message import Message
from http.client import HTTPException
from urllib.parse import urljoin

from chanops.core.page_title import title_of
from chanops.services.titles.dial import dial
from chanops.services.titles.exchange import Exchange
from chanops.services.titles.rules import Deadline, Fetched, NotFetched, Rules, Target, target_of

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
PAGES = ("text/html", "application/xhtml+xml")
KIND = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}\Z")
USUAL = Rules()
SIZE = re.compile(r"[0-9]{1,15}\Z")


def fetch(address: str, rules: Rules = USUAL) -> Fetched:
    """Ask for a page, and for those that it sends one to; all in the time of the rules. Raises NotFetched."""
    deadline = Deadline.within(rules.seconds)
    target, asked = target_of(address, rules), set[str]()
    for _ in range(MOST_REDIRECTS + 1):
        asked.add(target.address)
        found = asked_once(target, rules, deadline)
        if isinstance(found, Fetched):
            return found
        if found.scheme == "http" and target.scheme == "https":
            raise NotFetched(f"{target.host} leads from https to http")
        if found.address in asked:
            raise NotFetched(f"{target.host} leads in a circle")
        target = found
    raise NotFetched(f"it leads on more than {MOST_REDIRECTS} times")


def asked_once(target: Target, rules: Rules, deadline: Deadline) -> Fetched | Target:
    """One request: what was found, or where else it is to be found."""
    try:
        with contextlib.closing(dial(target, deadline)) as connection:
            exchange = Exchange(connection, target, rules, deadline)
            with contextlib.closing(exchange.response):
                return understood(exchange, target, rules)
    except ssl.SSLCertVerificationError:
        raise NotFetched(f"{target.host} has no valid certificate") from None
    except (OSError, HTTPException, ValueError):
        deadline.left()  # which says so where that was the reason
        raise NotFetched(f"{target.host} answers nothing that can be understood") from None


def understood(exchange: Exchange, target: Target, rules: Rules) -> Fetched | Target:
    location = exchange.header("location")
    if exchange.status in REDIRECTS and location:
        return target_of(urljoin(target.address, as_utf8(location)), rules)
    if not 200 <= exchange.status < 300:
        raise NotFetched(f"{target.host} answers {exchange.status}")
    kind, charset = kind_of(exchange.header("content-type"))
    size = exchange.header("content-length")
    whole = not exchange.header("content-encoding") and SIZE.match(size)
    return Fetched(
        title_behind(exchange, charset) if kind in PAGES else "", kind, int(size) if whole else None, target.address
    )


def title_behind(exchange: Exchange, charset: str) -> str:
    """The title of an answer's page. Raises NotFetched where the page broke off before it came to one."""
    body = exchange.body()
    while body.read_head():
        if title := title_of(bytes(body.page), charset):
            return title
    title = title_of(bytes(body.page), charset)
    if not title and body.why:
        raise NotFetched(f"{exchange.target.host}: {body.why}")
    return title


def kind_of(content_type: str) -> tuple[str, str]:
    """A kind such as text/html, "" where it is none, and the encoding that goes with it."""
    message = Message()
    message["content-type"] = content_type[:200].encode("ascii", "replace").decode("ascii").replace("\n", " ")
    kind = content_type.partition(";")[0].strip().lower()
    charset = message.get_param("charset")
    return kind if KIND.match(kind) else "", charset if isinstance(charset, str) else ""


def as_utf8(header: str) -> str:
    """A header as it was meant: http.client reads all of them as Latin-1."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
