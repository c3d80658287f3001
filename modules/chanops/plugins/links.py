"""Keep the links people post, for those who were away."""

from collections.abc import Iterator

from chanops import Message, Rest, Url, ago, command, hears, shorten
from chanops.services import Links, Pages

# An address as it stands in a sentence: brackets belong to it in pairs, and a full stop at its end does not.
ADDRESS = r"(?i:https?)://(?:\([^\s()<>\"]*\)|[^\s()<>\"])+(?<![.,;:!?'*…»”’\]}])"


@command("url")
def url(address: Url, title: Rest = "", *, said: Message, links: Links, pages: Pages) -> str:
    """Put a link in the feed, with a title."""
    kept = links.add(address, title, said)
    if kept.new:
        return f"kept: {kept.link.title or address}"
    first = kept.link.said
    return f"noted: {first.nick} posted it {ago(said.at - first.at)} as {kept.link.named} {pages.line(first.id)}"


@hears(ADDRESS, replayed=True)
def posted(address: Url, *, said: Message, links: Links) -> None:
    """Put every link that is mentioned in the feed, with what was said about it."""
    links.mention(address, said)


@command("links")
def recent(words: Rest = "", *, said: Message, links: Links, pages: Pages) -> Iterator[str]:
    """The newest links, or the newest that have all these words in title, address or line."""
    found = links.newest(words, most=5, channel=(said.network, said.channel))
    if not found:
        yield f"no link has {words}" if words else "no links yet: .url ADDRESS TITLE keeps one"
    for link in found:
        when = f"{link.said.nick}, {ago(said.at - link.said.at)}"
        title = "" if link.named == link.address else f"{shorten(link.named, 120)} · "
        yield f"{title}{shorten(link.address, 200)} · {when} {pages.line(link.said.id)}".rstrip()
