"""The plugin links, called as plain functions and through the bot."""

import re
from datetime import timedelta

import pytest

from chanops.plugins.links import ADDRESS, posted, recent, url
from chanops.services import Pages
from chanops.testing import line

PAGES = Pages("http://ops.example")


def test_a_link_is_kept_with_its_title(links, said):
    assert url("https://example.org", "A read", said=said, links=links, pages=PAGES) == "kept: A read"
    assert [each.title for each in links.newest()] == ["A read"]


def test_the_same_link_within_a_day_is_noted_with_who_was_first(links, said):
    url("https://example.org", "A read", said=said, links=links, pages=PAGES)
    later = line("again", nick="bob")._replace(at=said.at + timedelta(hours=2))
    noted = url("https://EXAMPLE.org:443/", "Another", said=later, links=links, pages=PAGES)
    assert re.fullmatch(r"noted: alice posted it 2 h ago as A read http://ops\.example/line/\d+", noted)
    assert len(links.newest()) == 1


def test_a_posted_link_is_kept_with_what_was_said_about_it(links):
    said = line("have a look at https://example.org/a, it is good")
    posted("https://example.org/a", said=said, links=links)
    links.database.write(lambda _: None).result(10)
    [found] = links.newest()
    assert found.named == "have a look at https://example.org/a, it is good"
    assert found.said.nick == "alice"


def test_links_lists_the_newest_first_and_says_so_when_there_is_none(links, said):
    assert list(recent(said=said, links=links, pages=PAGES)) == ["no links yet: .url ADDRESS TITLE keeps one"]
    for name in ("one", "two"):
        url(f"https://example.org/{name}", name, said=said, links=links, pages=PAGES)
    answers = list(recent(said=said, links=links, pages=PAGES))
    assert [answer.split(" ")[0] for answer in answers] == ["two", "one"]
    assert list(recent("three", said=said, links=links, pages=PAGES)) == ["no link has three"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://example.org", ["https://example.org"]),
        ("HTTPS://Example.org/X", ["HTTPS://Example.org/X"]),
        ("see https://example.org/a.", ["https://example.org/a"]),
        ("(https://example.org/a)", ["https://example.org/a"]),
        ("https://en.wikipedia.org/wiki/Foo_(bar), no?", ["https://en.wikipedia.org/wiki/Foo_(bar)"]),
        ("<https://example.org/a>", ["https://example.org/a"]),
        ('"https://example.org/a"', ["https://example.org/a"]),
        ("https://example.org/a?b=c&d=e#f!", ["https://example.org/a?b=c&d=e#f"]),
        ("http://a.example and http://b.example;", ["http://a.example", "http://b.example"]),
        ("https://example.org/ünï…", ["https://example.org/ünï"]),
        ("https:// nothing", []),
        ("ftp://example.org", []),
        ("nohttps", []),
    ],
)
def test_an_address_ends_where_the_sentence_goes_on(text, found):
    assert re.findall(ADDRESS, text) == found


def test_an_address_cannot_be_made_slow_to_find():
    assert re.findall(ADDRESS, "https://" + "(" * 20_000) == []
    assert len(re.findall(ADDRESS, "https://" + "a(b)" * 5_000 + ")" * 5_000)) == 1


def test_a_command_is_not_heard_as_a_mention(bot):
    assert bot.say(".url https://example.org/x With a title") == ["kept: With a title"]
    assert len(bot.app.archive.links.newest()) == 1
    assert bot.say("and again https://example.org/x") == []
    assert len(bot.app.archive.links.newest()) == 1
