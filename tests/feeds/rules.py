"""The rules of feeds, as validators have them: what is wrong with one, in words."""

import json
import re
import xml.etree.ElementTree as ET
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urlsplit

ATOM, DC = "{http://www.w3.org/2005/Atom}", "{http://purl.org/dc/elements/1.1/}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
RFC_822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3]\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    r" [0-2]\d:[0-5]\d:[0-5]\d [+-]\d{4}\Z"
)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
ELEMENTS = {"p", "a", "b", "br", "blockquote", "pre", "table", "tr", "th", "td"}


class Elements(HTMLParser):
    """The elements of a piece of HTML, and its text."""

    def __init__(self, html):
        super().__init__()
        self.found, self.text = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        self.found.append(("comment", data))

    handle_decl = handle_pi = unknown_decl = handle_comment


def absolute(text):
    """Whether that is an address that any reader can follow."""
    try:
        found = urlsplit(text or "")
        return found.scheme in ("http", "https") and bool(found.hostname) and not re.search(r"[\s<>\"]", text)
    except ValueError:
        return False


def mistakes_in_body(html):
    """A body is HTML that is whole, does nothing, and leads nowhere by a path alone."""
    elements, found = Elements(html), []
    if not html.strip():
        found.append("a body without anything")
    for tag, attributes in elements.found:
        if tag not in ELEMENTS or set(attributes) - {"href"}:
            found.append(f"a body with {tag} {attributes}")
        elif tag == "a" and not absolute(attributes.get("href")):
            found.append(f"a body that leads to {attributes}")
    return found


def mistakes_in_rss(body, url, hub=""):
    """RSS 2.0 and its best practices: rssboard.org/rss-specification, rssboard.org/rss-profile."""
    root, found = ET.fromstring(body), []
    if root.tag != "rss" or root.get("version") != "2.0" or len(root) != 1:
        found.append("no RSS 2.0")
    channel = root.find("channel")
    names = ("title", "link", "description")
    found += [f"{len(channel.findall(name))} {name}" for name in names if len(channel.findall(name)) != 1]
    found += [f"no {name}" for name in names if not (channel.findtext(name) or "").strip()]
    found += [] if channel.findtext("language") == "en" else ["no language"]
    found += [] if absolute(channel.findtext("link")) else ["the feed's link is not absolute"]
    found += ["the feed's link is the feed itself"] if channel.findtext("link") == url else []
    found += mistakes_in_links(channel, "application/rss+xml", url, hub)
    items = channel.findall("item")
    guids = [item.find("guid") for item in items]
    if any(guid is None or guid.get("isPermaLink") != "true" or not absolute(guid.text) for guid in guids):
        found.append("a guid that is no permalink")
    if len({guid.text for guid in guids}) != len(guids):
        found.append("a guid twice")
    for item in items:
        for name in ("title", "description", "link", f"{DC}creator", "pubDate"):
            if len(item.findall(name)) != 1 or not (item.findtext(name) or "").strip():
                found.append(f"an item without {name}")
        found += [] if item.find("author") is None else ["an author that is no e-mail address"]
        found += [] if all((each.text or "").strip() for each in item.findall("category")) else ["an empty category"]
        found += mistakes_in_body(item.findtext("description") or "")
    dates = [each.text for each in root.iter() if each.tag in ("pubDate", "lastBuildDate")]
    found += [f"no RFC 822 date: {date}" for date in dates if not RFC_822.match(date)]
    found += [] if len(dates) == len(items) + 1 else ["a date is missing"]
    for title in re.findall(rb"<title>(.*?)</title>", body, re.DOTALL):
        if re.search(rb"&(amp|lt|quot|apos);", title):
            found.append(f"a title with a named reference: {title!r}")
    return found


def mistakes_in_links(above, kind, url, hub):
    """A feed says where it is, and by which hub its news come, as Atom's links."""
    links = [(each.get("rel"), each.get("href"), each.get("type")) for each in above.findall(f"{ATOM}link")]
    found = [] if [each for each in links if each[0] == "self"] == [("self", url, kind)] else ["no link to itself"]
    hubs = [href for rel, href, _ in links if rel == "hub"]
    return found + ([] if hubs == ([hub] if hub else []) else [f"hubs: {hubs}"])


def mistakes_in_atom(body, url, hub=""):
    """RFC 4287."""
    root, found = ET.fromstring(body), []
    if root.tag != f"{ATOM}feed":
        found.append("no Atom")
    found += [] if root.get(LANG) == "en" else ["no language"]
    found += mistakes_in_links(root, "application/atom+xml", url, hub)
    pages = [each.get("href") for each in root.findall(f"{ATOM}link") if each.get("rel") == "alternate"]
    found += [] if len(pages) == 1 and absolute(pages[0]) and pages != [url] else [f"pages: {pages}"]
    entries = root.findall(f"{ATOM}entry")
    ids = [each.findtext(f"{ATOM}id") for each in (root, *entries)]
    if len(set(ids)) != len(ids) or not all(map(absolute, ids)):
        found.append(f"ids: {ids}")
    for each in (root, *entries):
        if len(each.findall(f"{ATOM}title")) != 1 or not (each.findtext(f"{ATOM}title") or "").strip():
            found.append("no title")
        if len(each.findall(f"{ATOM}updated")) != 1:
            found.append("not one updated")
    for entry in entries:
        if not (entry.findtext(f"{ATOM}author/{ATOM}name") or "").strip():
            found.append("an entry without author")
        contents = entry.findall(f"{ATOM}content")
        if [each.get("type") for each in contents] != ["html"]:
            found.append("no HTML content")
        found += mistakes_in_body(contents[0].text or "")
        links = entry.findall(f"{ATOM}link")
        if [each.get("rel") for each in links] not in ([None], ["alternate"]) or not absolute(links[0].get("href")):
            found.append("no link")
        terms = [each.get("term") for each in entry.findall(f"{ATOM}category")]
        found += [] if all((term or "").strip() for term in terms) else ["an empty category"]
    dates = [each.text for each in root.iter() if each.tag in (f"{ATOM}updated", f"{ATOM}published")]
    return found + [f"no RFC 3339 date: {date}" for date in dates if not RFC_3339.match(date)]


FEED_KEYS = {"version", "title", "home_page_url", "feed_url", "description", "language", "items"}
ITEM_KEYS = {"id", "url", "title", "content_html", "date_published", "date_modified", "authors"}


def mistakes_in_json(body, url, hub=""):
    """JSON Feed 1.1: jsonfeed.org/version/1.1."""
    made, found = json.loads(body.decode("utf-8")), []
    if made["version"] != "https://jsonfeed.org/version/1.1":
        found.append("no JSON Feed 1.1")
    if set(made) != FEED_KEYS | ({"hubs"} if hub else set()):
        found.append(f"keys: {sorted(made)}")
    found += [] if made["feed_url"] == url else ["the feed is not where it says"]
    found += [] if made.get("hubs", []) == ([{"type": "WebSub", "url": hub}] if hub else []) else ["hubs"]
    found += [] if made["language"] == "en" and made["title"].strip() else ["no language or no title"]
    found += [] if absolute(made["home_page_url"]) else ["no page"]
    ids = [each["id"] for each in made["items"]]
    found += [] if len(set(ids)) == len(ids) and all(map(absolute, ids)) else [f"ids: {ids}"]
    for each in made["items"]:
        if set(each) - {"tags", "external_url"} != ITEM_KEYS:
            found.append(f"keys of an item: {sorted(each)}")
        if not all(absolute(each[key]) for key in ("url", "external_url") if key in each):
            found.append("a relative address")
        dates = [each["date_published"], each["date_modified"]]
        found += [f"no RFC 3339 date: {date}" for date in dates if not RFC_3339.match(date)]
        if not each["title"].strip() or not all(author["name"].strip() for author in each["authors"]):
            found.append("an empty title or author")
        if not all(isinstance(tag, str) and tag for tag in each.get("tags", [])):
            found.append("an empty tag")
        found += mistakes_in_body(each["content_html"])
    return found


def mistakes_in_opml(body):
    """OPML 2.0: opml.org/spec2.opml, for lists of subscriptions."""
    root, found = ET.fromstring(body), []
    if root.tag != "opml" or root.get("version") != "2.0" or [each.tag for each in root] != ["head", "body"]:
        found.append("no OPML 2.0")
    outlines = list(root.iter("outline"))
    found += [] if outlines else ["no outline"]
    found += [] if all((each.get("text") or "").strip() for each in outlines) else ["an outline without text"]
    feeds = [each for each in outlines if each.get("type") == "rss"]
    found += [] if all(absolute(each.get("xmlUrl")) for each in feeds) else ["a feed without address"]
    found += [] if all(absolute(each.get("htmlUrl")) for each in feeds) else ["a feed without page"]
    if any(len(each) for each in feeds) or any(not len(each) for each in outlines if each not in feeds):
        found.append("a feed with feeds below it, or a group without")
    addresses = [each.get("xmlUrl") for each in feeds]
    return found + ([] if len(set(addresses)) == len(addresses) else ["a feed twice"])


MISTAKES = {"rss": mistakes_in_rss, "atom": mistakes_in_atom, "json": mistakes_in_json}


def own_address(body, form):
    """Where a feed says that it is."""
    if form == "json":
        return json.loads(body)["feed_url"]
    return next(each.get("href") for each in ET.fromstring(body).iter(f"{ATOM}link") if each.get("rel") == "self")


def entries_of(body, form):
    """The items of a feed, whatever its form: (title, link, id, author, published, tags, body)."""
    if form == "json":
        return [
            (each["title"], each.get("external_url", each["url"]), each["id"], each["authors"][0]["name"],
             datetime.fromisoformat(each["date_published"]), tuple(each.get("tags", ())), each["content_html"])
            for each in json.loads(body)["items"]
        ]  # fmt: skip
    root = ET.fromstring(body)
    if form == "rss":
        return [
            (each.findtext("title"), each.findtext("link"), each.findtext("guid"), each.findtext(f"{DC}creator"),
             datetime.strptime(each.findtext("pubDate"), "%a, %d %b %Y %H:%M:%S %z"),
             tuple(tag.text for tag in each.findall("category")), each.findtext("description"))
            for each in root.findall("channel/item")
        ]  # fmt: skip
    return [
        (each.findtext(f"{ATOM}title"), each.find(f"{ATOM}link").get("href"), each.findtext(f"{ATOM}id"),
         each.findtext(f"{ATOM}author/{ATOM}name"), datetime.fromisoformat(each.findtext(f"{ATOM}published")),
         tuple(tag.get("term") for tag in each.findall(f"{ATOM}category")), each.findtext(f"{ATOM}content"))
        for each in root.findall(f"{ATOM}entry")
    ]  # fmt: skip
