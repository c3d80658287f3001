"""The title of a web page, out of whatever bytes somebody's server sent; in a time that grows with their number only.

The standard library's html.parser takes quadratic time for pages made to be slow; this reads the head and nothing else.
"""

import html
import re

from chanops.core.page_charset import decoded
from chanops.core.text import NOT_XML, UNSEEN, shorten

LONGEST = 200
LONGEST_RAW = 4000  # with entities not yet decoded; more digits than that are no number to Python either
LONGEST_META = 8192
SPACE = " \t\n\r\f"
# One attribute: its name, and its value in double quotes, in single ones, or bare. No way back: hence linear.
VALUE = rf"""(?:"([^"]*+)"|'([^']*+)'|([^{SPACE}"'>][^{SPACE}>]*+)?)"""
ATTRIBUTE = rf"[{SPACE}/]*+([^{SPACE}/>][^{SPACE}/>=]*+)(?:[{SPACE}]*+=[{SPACE}]*+{VALUE})?+"
ONE_ATTRIBUTE = re.compile(ATTRIBUTE)
REST_OF_TAG = re.compile(rf"(?:{ATTRIBUTE})*+[{SPACE}/]*+>")
BEGIN = re.compile("<(?=[A-Za-z/!?])")
TAG = re.compile(rf"</?+([A-Za-z][^{SPACE}/>]*+)")
# What these hold is text, up to their own end.
RAW = {
    name: re.compile(rf"</{name}(?=[{SPACE}/>])", re.IGNORECASE | re.ASCII)
    for name in ("script", "style", "textarea", "title", "iframe", "noembed", "noframes", "noscript", "xmp", "template")
}
FOREIGN = ("svg", "math")


def title_of(page: bytes, charset: str = "") -> str:
    """The page's title on one line of at most 200 characters that can all be seen; "" where it has none."""
    titles = list[str]()
    for raw, shared in titles_in(decoded(page, charset)):
        title = cleaned(raw)
        if title and shared:
            return title
        if title:
            titles.append(title)
    return titles[0] if titles else ""


def cleaned(raw: str) -> str:
    """A title as it is written in a page, as it is shown."""
    text = html.unescape(" ".join(raw.split())[:LONGEST_RAW])
    return shorten(" ".join(NOT_XML.sub("", UNSEEN.sub("", " ".join(text.split()))).split()), LONGEST).strip()


class Head:
    """Where one stands in a page."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.foreign = ""
        self.depth = 0

    def next_tag(self) -> tuple[str, str, bool] | None:
        """The next tag's name in lower case, its attributes, and whether it opens; None at the end of the head."""
        while (begin := BEGIN.search(self.text, self.at)) is not None:
            start = begin.start()
            name = TAG.match(self.text, start)
            if name is None:
                if not self.skip_remark(start):
                    return None
                continue
            end = REST_OF_TAG.match(self.text, name.end())
            if end is None:
                return None
            self.at = end.end()
            return name[1].lower(), self.text[name.end() : self.at], self.text[start + 1] != "/"
        return None

    def skip_remark(self, start: int) -> bool:
        """Pass by what is no tag; False where it does not end."""
        text = self.text
        if text.startswith("<!--", start):
            short = text.startswith((">", "->"), start + 4)
            end = text.find(">" if short else "-->", start + 4)
            self.at = end + (1 if short else 3)
        else:
            end = text.find(">", start)
            self.at = end + 1
        return end >= 0

    def text_of(self, name: str) -> str | None:
        """What stands between here and the end of an element of text; None where it does not end."""
        end = RAW[name].search(self.text, self.at)
        if end is None:
            return None
        inner, self.at = self.text[self.at : end.start()], end.start()
        return inner

    def is_foreign(self, name: str, opens: bool, attributes: str) -> bool:
        """Whether a tag belongs to a drawing or a formula, which may have titles of their own."""
        if not self.depth and name in FOREIGN and opens:
            self.foreign = name
        if name == self.foreign and not attributes.endswith("/>"):
            self.depth += 1 if opens else -1 if self.depth else 0
            return True
        return self.depth > 0


def titles_in(text: str) -> list[tuple[str, bool]]:
    """What a head gives as the page's title, raw, and whether it is the one for those who share it (og:title)."""
    head, found = Head(text), list[tuple[str, bool]]()
    while (tag := head.next_tag()) is not None:
        name, attributes, opens = tag
        if name == "body" or (name == "head" and not opens):
            break
        if opens and name in RAW and name != "title":
            if head.text_of(name) is None:
                break
        elif head.is_foreign(name, opens, attributes):
            continue
        elif opens and name == "title":
            inner = head.text_of(name)
            if inner is None:
                break
            found.append((inner, False))
        elif opens and name == "meta" and (shared := shared_title(attributes)):
            found.append((shared, True))
    return found


def shared_title(attributes: str) -> str:
    """The content of <meta property="og:title">, or ""."""
    if "og:title" not in attributes[:LONGEST_META].lower():
        return ""
    values = dict[str, str]()
    for name, *value in ONE_ATTRIBUTE.findall(attributes[:LONGEST_META]):
        values.setdefault(name.lower(), "".join(value))
    is_title = "og:title" in (values.get("property", "").strip().lower(), values.get("name", "").strip().lower())
    return values.get("content", "") if is_title else ""
