"""The list of all feeds as OPML 2.0, which a reader can subscribe to at once: http://opml.org/spec2.opml"""

from collections.abc import Sequence
from xml.etree import ElementTree

from chanops.core.text import xml_safe
from chanops.services.feed_topics import Topic

DOCS = "http://opml.org/spec2.opml"


def as_opml(title: str, root: str, groups: Sequence[tuple[str, Sequence[Topic]]], token: str = "") -> bytes:
    """The bytes; each group of feeds under its name, or at the top where it has none."""
    made = ElementTree.Element("opml", version="2.0")
    head = ElementTree.SubElement(made, "head")
    ElementTree.SubElement(head, "title").text = xml_safe(title)
    ElementTree.SubElement(head, "docs").text = DOCS
    body = ElementTree.SubElement(made, "body")
    for name, topics in groups:
        above = ElementTree.SubElement(body, "outline", text=xml_safe(name)) if name else body
        for topic in topics:
            outline(above, topic, title, root, token)
    ElementTree.indent(made)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(made, "unicode").encode() + b"\n"


def outline(above: ElementTree.Element, topic: Topic, title: str, root: str, token: str) -> None:
    """One feed."""
    named = xml_safe(topic.titled(title))
    ElementTree.SubElement(
        above,
        "outline",
        type="rss",
        text=named,
        title=named,
        description=topic.described,
        xmlUrl=topic.address(root, "rss", token),
        htmlUrl=f"{root}{topic.home_path}",
        language="en",
    )
