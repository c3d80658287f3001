"""A feed as RSS 2.0 and as Atom, by feedgen."""

import re
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator

from chanops.core.text import xml_safe
from chanops.services.feed_items import Head, Item, shown
from chanops.services.feed_topics import TYPES

RSS_TITLE = re.compile(rb"(?<=<title>)[^<]*(?=</title>)")
ATOM_LINK = "{http://www.w3.org/2005/Atom}link"
# feedgen sets the whole process's locale while it writes dates: one thread at a time.
WRITING = threading.Lock()


class HubOfRss(BaseExtension):  # type: ignore[misc]  # it has no types
    """The hub's link in RSS, where feedgen leaves it out."""

    def __init__(self, hub: str) -> None:
        self.hub = hub

    def extend_rss(self, feed: Any) -> Any:
        """Put it beside the link to the feed itself."""
        feed[0].append(feed.makeelement(ATOM_LINK, {"href": self.hub, "rel": "hub"}))
        return feed


def as_xml(head: Head, items: Sequence[Item], form: str) -> bytes:
    """A feed's bytes in that form, "rss" or "atom"."""
    made = FeedGenerator()
    made.load_extension("dc")
    made.id(head.own)
    made.title(head.title)
    made.description(head.description)
    made.language(head.language)
    made.link(href=head.own, rel="self", type=TYPES[form].partition(";")[0])
    if head.hub:
        made.link(href=head.hub, rel="hub")
        made.register_extension("hub", partial(HubOfRss, head.hub), None, atom=False, rss=True)
    made.link(href=head.home, rel="alternate")  # the last of them is what RSS calls its link
    made.generator("chanops")
    made.updated(head.changed)
    for item in items:
        made.add_entry(entry(item), order="append")
    with WRITING:
        return hex_titles(made.rss_str(pretty=True)) if form == "rss" else bytes(made.atom_str(pretty=True))


def entry(item: Item) -> FeedEntry:
    """One item as feedgen has it."""
    made = FeedEntry()
    made.load_extension("dc")
    made.title(shown(item.title, xml_safe(item.otherwise)))
    made.link(href=xml_safe(item.address))
    made.guid(item.guid, permalink=True)
    made.author(name=shown(item.author, "?"))
    made.dc.dc_creator(shown(item.author, "?"))
    made.published(item.at.replace(microsecond=0))
    made.updated(item.changed.replace(microsecond=0))
    for tag in item.tags:
        made.category(term=xml_safe(tag))
    made.content(xml_safe(item.body), type="html")
    return made


def hex_titles(rss: bytes) -> bytes:
    """RSS titles with &#x26; and &#x3C;, which readers that take titles for HTML read right as well.

    https://www.rssboard.org/rss-profile#data-types-characterdata; lxml writes only &amp; and &lt;.
    """
    return RSS_TITLE.sub(lambda found: found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"), rss)
