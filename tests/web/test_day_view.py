"""A day as HTML and as text: what is shown of each line, what is folded, and that nothing of it is but text."""

import itertools
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from chanops.services.line_rows import Said
from chanops.web.day_view import A_LIST, LONG_DAY, as_text, between, day_view, text_of_day
from chanops.web.said_view import Extras, Removal, row, split_of, text_of
from tests.web.served import PAYLOADS

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KINDS = ["message", "action", "notice", "join", "part", "quit", "kick", "nick", "topic", "mode", "link", "forgotten"]


def said(text="", kind="message", nick="alice", number=1, after=0):
    return Said(number, "net", "#ops", NOON + timedelta(seconds=after), nick, "", kind, text, True, 1)


class Shape(HTMLParser):
    """The elements of some HTML with all their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.other, self.open = [], "", [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, *attributes))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.other.append(data)

    handle_pi = unknown_decl = handle_decl = handle_comment

    @property
    def links(self):
        return [dict(each[1:])["href"] for each in self.elements if each[0] == "a"][1:]


def shown(line, **more):
    return Shape(row(line, Extras(**({"links": {}, "removals": {}} | more))))


# One line


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("message", "hello", "12:00 alice hello"),
        ("action", "waves", "12:00 * alice waves"),
        ("notice", "psst", "12:00 -alice- psst"),
        ("join", "", "12:00 alice joined"),
        ("part", "bye", "12:00 alice left bye"),
        ("part", "", "12:00 alice left"),
        ("quit", "Quit: \x02bye", "12:00 alice quit Quit: bye"),
        ("kick", "bob be nice", "12:00 alice kicked bob be nice"),
        ("kick", "bob", "12:00 alice kicked bob"),
        ("nick", "alice_", "12:00 alice is now alice_"),
        ("topic", "the \x0304topic", "12:00 alice set the topic: the topic"),
        ("topic", "", "12:00 alice took the topic away"),
        ("mode", "+o bob", "12:00 alice set mode +o bob"),
        ("forgotten", "", "12:00 a line of alice was removed"),
        ("later-kind", "x", "12:00 alice x"),
    ],
)
def test_each_kind_of_line_says_what_happened(kind, text, expected):
    assert shown(said(text, kind)).text == expected


def test_a_line_has_its_number_and_leads_to_itself():
    shape = shown(said("x", number=123))
    assert shape.elements[0] == ("li", ("id", "l123"), ("class", "message"))
    assert shape.elements[1] == ("a", ("class", "at"), ("href", "#l123"))
    assert shape.elements[2] == ("time", ("datetime", "2026-11-21T12:00:00Z"))
    assert Shape(row(said("x"), href="/log/a/b#l1")).elements[1][2] == ("href", "/log/a/b#l1")


def test_who_removed_a_line_and_when_stands_in_its_place():
    removal = Removal(NOON + timedelta(hours=1), "carol")
    assert shown(said("", "forgotten"), removals={1: removal}).text == (
        "12:00 a line of alice was removed by carol, 21 November 13:00 UTC"
    )


def test_formatting_is_shown_by_classes():
    assert text_of("a \x02b\x02 \x0304,01c") == 'a <span class="fb">b</span> <span class="b-01 o-04">c</span>'


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.org/a.", ["https://example.org/a"]),
        ("(https://example.org/a(b))", ["https://example.org/a(b)"]),
        ("\x02https://exam\x02ple.org", ["https://example.org"]),
        ("HTTPS://example.org http://b.example", ["HTTPS://example.org", "http://b.example"]),
        ("https://user@example.org javascript://x ftp://example.org https://", []),
        ("job 41 and Job 7", ["/jobs/41", "/jobs/7"]),
        ("https://example.org/?q=job 41 job 0 jobs 4 job 41x a/job 3", ["https://example.org/?q=job"]),
    ],
)
def test_addresses_and_jobs_lead_where_they_mean(text, links):
    assert shown(said(text), jobs=True).links == links


def test_jobs_lead_nowhere_where_they_have_no_pages():
    assert shown(said("job 41")).links == []


def test_what_leads_elsewhere_takes_nothing_along():
    element = shown(said("https://example.org")).elements[-1]
    assert element == ("a", ("href", "https://example.org"), ("rel", "nofollow noopener noreferrer ugc"))


def test_the_title_of_a_page_stands_behind_its_address_unless_it_was_said():
    links = {1: [("https://example.org/a", "A <read>")]}
    assert shown(said("see https://EXAMPLE.org/a now"), links=links).text == (
        "12:00 alice see https://EXAMPLE.org/a A <read> now"
    )
    assert shown(said("https://example.org/a a <read>"), links=links).text.count("read") == 1
    assert shown(said("", "link"), links=links).text == "12:00 alice posted a link: https://example.org/a A <read>"


def test_what_nobody_sees_is_shown_but_what_joins_pictures():
    assert text_of("a\u202eb\u200bc\td") == "a\\u202eb\\u200bc d"
    assert text_of("\U0001f469\u200d\U0001f4bb") == "\U0001f469\u200d\U0001f4bb"


# Hostile text

HOSTILE = [*PAYLOADS, *(f"\x02{each}\x0304" for each in PAYLOADS), *(f"https://x.example/{each}" for each in PAYLOADS)]
HOSTILE += [f"{one} job 4{other}" for one, other in itertools.product(PAYLOADS[:12], PAYLOADS[:13])]


@pytest.mark.parametrize("kind", KINDS)
def test_no_element_and_no_attribute_comes_from_what_was_said(kind):
    assert len(HOSTILE) >= 200
    allowed = {"li", "a", "time", "b", "span", "q", "code", "cite"}
    names = {"id", "class", "href", "datetime", "rel"}
    for text in HOSTILE:
        extras = Extras({1: [("https://t.example/", text)]}, {1: Removal(NOON, text)}, True)
        shape = Shape(row(said(text, kind, nick=text), extras))
        assert shape.other == []
        for tag, *attributes in shape.elements:
            assert tag in allowed
            assert {name for name, _ in attributes} <= names
            for name, value in attributes:
                if name == "href":
                    assert value.startswith(("https://", "#l1", "/jobs/4")), value
                elif name == "class":
                    assert all(each.replace("-", "").isalnum() for each in value.split())


def test_the_whole_day_has_only_what_is_ours():
    lines = [said(text, kind, text, number) for number, (text, kind) in enumerate(itertools.product(HOSTILE, KINDS))]
    shape = Shape(str(day_view(lines).lists))
    assert shape.other == []
    ids = [value for each in shape.elements for name, value in each[1:] if name == "id"]
    assert ids == [f"l{number}" for number in range(len(lines))]


# A day


def test_who_came_and_went_is_folded_and_keeps_its_anchors():
    lines = [said("hi"), *(said("", kind, number=n) for n, kind in enumerate(["join", "join", "part", "quit"], 2))]
    html = str(day_view([*lines, said("bye", number=9)]).lists)
    assert "<summary>2 joined, 2 left</summary>" in html
    inside = html.partition("<details>")[2].partition("</details>")[0]
    assert [f'id="l{number}"' in inside for number in (1, 2, 3, 4, 5, 9)] == [False, True, True, True, True, False]


def test_one_who_comes_is_shown_as_he_is():
    assert "<details>" not in day_view([said("hi"), said("", "join", number=2), said("hi", number=3)]).lists


def test_a_netsplit_is_one_and_stands_apart_from_those_who_leave():
    lines = [said("irc.a.net hub.b.net", "quit", f"u{n}", n) for n in range(1, 13)]
    html = str(day_view([*lines, said("Quit: gone", "quit", number=20), said("", "part", number=21)]).lists)
    assert "<summary>netsplit: irc.a.net hub.b.net — 12 left</summary>" in html
    assert "<summary>2 left</summary>" in html


@pytest.mark.parametrize(
    ("text", "split"),
    [("*.net *.split", True), ("a.net b.net", True), ("Quit: a.net b.net", False), ("a.net", False), ("a b", False),
     ("a.net  b.net", False), ("<a.net> b.net", False), ("a.net b.net\n", False), ("", False)],
)  # fmt: skip
def test_a_netsplit_is_known_by_its_reason(text, split):
    assert bool(split_of(said(text, "quit"))) == split
    assert not split_of(said(text, "part"))
    assert ("data-split" in row(said(text, "quit"))) == split
    assert "data-split" not in row(said(text, "part"))


def test_a_pause_is_seen():
    html = str(day_view([said("a"), said("b", number=2, after=60), said("c", number=3, after=7200)]).lists)
    assert html.count(" later") == 1


def test_a_long_day_has_its_hours_and_several_lists():
    lines = [said("x", number=n, after=n * 20) for n in range(LONG_DAY + 100)]
    view = day_view(lines)
    assert [hour for hour, _ in view.hours] == ["12", "13", "14"]
    assert [line for _, line in view.hours] == [0, 180, 360]
    assert view.lists.count("<ol") == -(-len(lines) // A_LIST)
    assert day_view(lines[:10]).hours == ()
    assert (view.count, view.last) == (LONG_DAY + 100, LONG_DAY + 99)


def test_an_empty_day_is_empty():
    assert (day_view([]).lists, day_view([]).last) == ("", 0)


# Text


def test_a_day_as_text_has_times_and_nicks_and_no_formatting():
    lines = [said("\x02hello\x02 <b>"), said("waves", "action", number=2), said("be nice", "part", number=3)]
    assert text_of_day(lines) == (
        "2026-11-21 12:00:00 <alice> hello <b>\n"
        "2026-11-21 12:00:00 * alice waves\n"
        "2026-11-21 12:00:00 *** alice left (be nice)\n"
    )


@pytest.mark.parametrize("kind", [*KINDS, "later-kind"])
def test_every_line_of_text_is_one_line_that_a_terminal_takes_for_text(kind):
    text = as_text(said("a\r\nb\x1b[31m \u202ec", kind, nick="x\x1b"))
    assert text.isprintable()
    assert text


def test_a_part_of_a_day_is_from_one_line_to_another_in_either_order():
    lines = [said(number=number) for number in (5, 3, 9)]
    assert between(lines, 3, 9) == between(lines, 9, 3) == lines[1:]
    assert between(lines, 0, 3) == lines[:2]
    assert between(lines, 0, 0) == lines
    assert between(lines, 4, 0) is None
    assert between(lines, 0, 4) is None
    assert not between([], 0, 0)
