"""A feed as JSON Feed 1.1: https://www.jsonfeed.org/version/1.1/"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chanops.core.text import xml_safe
from chanops.services.feed_items import Head, Item, shown

VERSION = "https://jsonfeed.org/version/1.1"


def as_json(head: Head, items: Sequence[Item]) -> bytes:
    """A feed's bytes."""
    made: dict[str, Any] = {
        "version": VERSION,
        "title": head.title,
        "home_page_url": head.home,
        "feed_url": head.own,
        "description": head.description,
        "language": head.language,
    }
    if head.hub:
        made["hubs"] = [{"type": "WebSub", "url": head.hub}]
    made["items"] = [entry(item) for item in items]
    return (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode()


def entry(item: Item) -> dict[str, Any]:
    """One item: its own page, and what that is about."""
    address = xml_safe(item.address)
    made: dict[str, Any] = {"id": item.guid, "url": item.guid}
    if address != item.guid:
        made["external_url"] = address
    made |= {
        "title": shown(item.title, xml_safe(item.otherwise)),
        "content_html": xml_safe(item.body),
        "date_published": rfc_3339(item.at),
        "date_modified": rfc_3339(item.changed),
        "authors": [{"name": shown(item.author, "?")}],
    }
    return made | ({"tags": [xml_safe(tag) for tag in item.tags]} if item.tags else {})


def rfc_3339(at: datetime) -> str:
    return at.replace(microsecond=0).isoformat()
