"""Which feeds there are, for whom, and what is in each."""

import json
import threading
import xml.etree.ElementTree as ET
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.sections import ChannelSettings, FeedSettings, Settings, WebSettings
from chanops.services.feed import MOST_KEPT, Feed, Wanted
from chanops.services.feed_items import Item
from chanops.services.feed_links import LinksOf
from chanops.services.feed_sources import BEFORE, Source
from chanops.services.feed_topics import OPML, TYPES, Topic, feeds_of, tags_in
from chanops.services.pages import Pages
from chanops.services.tables import links
from chanops.services.visibility import Viewer
from tests.feeds.kept import DEADLINE, NOON, ROOT, SECOND, Kept
from tests.feeds.rules import MISTAKES, Elements, entries_of, mistakes_in_opml

CABAL = ChannelSettings(private=True)
ALL = Viewer("carol", every=True)
OF_CABAL = Viewer("dave", channels=frozenset({"net/#cabal"}))
HUB = "https://hub.example/?a=1&b=2"
PAGES = Pages(ROOT)


@pytest.fixture
def kept(tmp_path, empty_database, database_url):
    made = Kept(tmp_path / "data", empty_database, Settings(channels={"#cabal": CABAL}), url=database_url)
    yield made
    made.stop()


def in_channel(which, channel="#ops", network="net"):
    return Topic(which, network, channel)


# Which


def test_a_channel_has_feeds_of_its_own(kept):
    kept.add("https://a.example/", "in ops")
    kept.add("https://b.example/", "in dev", channel="#dev")
    kept.job("up ops")
    kept.job("up dev", channel="#dev")
    kept.job("up cabal", channel="#cabal", public=False)
    assert kept.titles(in_channel("links")) == ["in ops"]
    assert kept.titles(in_channel("jobs")) == ["job 1: up ops · done"]
    assert sorted(kept.titles(in_channel("feed", "#DEV"))) == ["in dev", "job 2: up dev · done"]
    assert kept.titles(Topic("links")) == ["in dev", "in ops"]
    assert sorted(kept.titles(Topic("jobs"))) == ["job 1: up ops · done", "job 2: up dev · done"]


def test_the_links_of_a_person_are_those_of_the_nick_or_the_account_there(kept):
    kept.add("https://a.example/", "by nick", nick="Bob[x]")
    kept.add("https://b.example/", "by account", nick="bob2", account="BOB[X]")
    kept.add("https://c.example/", "of somebody else", nick="bobx")
    kept.add("https://d.example/", "on another network", nick="bob[x]", network="other")
    kept.add("https://e.example/", "in secret", nick="bob[x]", channel="#cabal")
    assert kept.titles(Topic("by", "net", word="bOB[X]")) == ["by account", "by nick"]
    assert kept.titles(Topic("by", "net", word="nobody")) == []
    assert kept.titles(Topic("by", "net", word="bob[x]"), viewer=ALL)[0] == "in secret"
    assert kept.find(Topic("by", "nowhere", word="bob[x]")) is None


def test_where_a_link_was_said_again_it_is_in_the_feeds_of_that_place_with_that_line(kept):
    kept.add("https://a.example/", "in ops", nick="bob")
    kept.add("https://b.example/", "too", nick="bob")
    kept.say("hello", channel="#dev")
    assert kept.titles(in_channel("links", "#dev")) == []
    for each in "ab":
        kept.add(f"https://{each}.example/", nick="carol", channel="#dev")
    for topic in (in_channel("links", "#dev"), in_channel("feed", "#dev"), Topic("by", "net", word="carol")):
        assert kept.titles(topic) == ["too", "in ops"]
        assert {each[3] for each in kept.entries(topic)} == {"carol"}
        assert {"#dev on net" in each[6] for each in kept.entries(topic)} == {True}
    assert kept.titles(Topic("links")) == ["too", "in ops"]
    assert kept.titles(Topic("by", "net", word="bob")) == ["too", "in ops"]
    kept.add("https://c.example/", "third", nick="bob")
    assert kept.titles(in_channel("links", "#dev")) == ["too", "in ops"]
    kept.add("https://c.example/", nick="carol", channel="#dev")
    assert kept.titles(in_channel("links", "#dev")) == ["third", "too", "in ops"]


def test_two_links_that_one_line_said_again_are_two_items(kept):
    kept.add("https://a.example/", "first")
    kept.add("https://b.example/", "second")
    said = kept.said("https://a.example/ https://b.example/ https://c.example/", channel="#dev", msgid="one")
    for each in "cab":
        kept.links.add(f"https://{each}.example/", "", said)
    for form in TYPES:
        assert len({each[2] for each in kept.entries(in_channel("links", "#dev"), form)}) == 3


def test_a_nick_is_not_a_pattern(kept):
    kept.add("https://a.example/", "a", nick="a_b")
    assert kept.titles(Topic("by", "net", word="a%")) == []
    assert kept.titles(Topic("by", "net", word="axb")) == []


def test_letters_that_irc_does_not_fold_are_others(kept):
    kept.add("https://a.example/", "small", nick="äb")
    kept.add("https://b.example/", "large", nick="ÄB")
    assert kept.titles(Topic("by", "net", word="Äb")) == ["large"]


def test_a_tag_is_a_word_of_the_title_behind_a_hash(kept):
    kept.add("https://a.example/", "How to #Deploy it, #python")
    kept.add("https://b.example/", "#deployment of it")
    kept.add("https://c.example/", "deploy it")
    kept.add("https://d.example/#deploy", "", text="look https://d.example/#deploy")
    kept.add("https://e.example/", "", text="this is #deploy indeed")
    assert kept.titles(Topic("tag", word="deploy")) == ["this is #deploy indeed", "How to #Deploy it, #python"]
    [entry] = kept.entries(Topic("tag", word="python"))
    assert entry[5] == ("deploy", "python")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#one #Two, (#three) #one", ("one", "two", "three")),
        ("issue #41 and #41a", ("41a",)),
        ("https://x.example/#part a#b &#x26; ?#c", ()),
        ("## #-a #a- #a-b #", ("a", "a-b")),
        ("#é #日本", ("é", "日本")),
        ("#" + "x" * 60, ("x" * 50,)),
        (" ".join(f"#t{number}" for number in range(20)), tuple(f"t{number}" for number in range(10))),
    ],
)
def test_what_is_a_tag(text, tags):
    assert tags_in(text) == tags


def test_a_search_has_the_newest_lines_that_it_finds(kept):
    first = kept.say("the <deploy> is on")
    kept.say("nothing")
    second = kept.say("deploy again", event="action")
    kept.say("deploy in secret", channel="#cabal")
    found = kept.entries(Topic("search", word="deploy"))
    assert [each[:4] for each in found] == [
        ("alice: deploy again", f"{ROOT}/line/{second}", f"{ROOT}/line/{second}", "alice"),
        ("alice: the <deploy> is on", f"{ROOT}/line/{first}", f"{ROOT}/line/{first}", "alice"),
    ]
    assert "<b>* alice deploy again</b>" in found[0][6]
    assert len(kept.titles(Topic("search", word="deploy"), viewer=OF_CABAL)) == 3
    kept.say("one more deploy")
    assert kept.titles(Topic("search", word="deploy"))[0] == "alice: one more deploy"


def test_a_search_has_fifty_lines_at_most(kept):
    for number in range(60):
        kept.say(f"deploy {number}")
    titles = kept.titles(Topic("search", word="deploy"))
    assert titles == [f"alice: deploy {number}" for number in range(59, 9, -1)]


def test_where_machines_are_not_shown_there_is_no_feed_of_jobs(kept):
    kept.say("hello")
    kept.now = Settings(web=WebSettings(machines=False))
    assert kept.find(Topic("jobs")) is None
    assert kept.find(in_channel("jobs")) is None
    assert b"jobs.rss" not in kept.find(Topic(OPML), OPML).body


# For whom


@pytest.mark.parametrize("channel", ["#cabal", "#none", "", "#"])
def test_a_private_channel_and_none_at_all_look_alike(channel, kept):
    kept.add("https://a.example/", "secret", channel="#cabal")
    for which in ("feed", "links", "jobs"):
        assert kept.find(Topic(which, "net", channel or " ")) is None


def test_who_holds_a_token_sees_his_channels_whole_and_what_everybody_sees(kept):
    kept.add("https://a.example/", "open")
    kept.add("https://b.example/", "secret", channel="#Cabal")
    kept.job("up cabal", public=False, channel="#CABAL")
    kept.job("up ops", public=False)
    assert kept.titles() == ["open"]
    assert sorted(kept.titles(viewer=OF_CABAL)) == ["job 1: up cabal · done", "open", "secret"]
    assert sorted(kept.titles(in_channel("feed", "#cabal"), viewer=OF_CABAL)) == ["job 1: up cabal · done", "secret"]
    assert len(kept.titles(viewer=ALL)) == 4
    assert kept.titles(in_channel("links"), viewer=OF_CABAL) == ["open"]
    assert kept.titles() == ["open"]


def test_what_was_said_while_a_channel_was_private_stays_so(kept):
    kept.add("https://a.example/", "secret", channel="#cabal", text="whispered")
    kept.now = Settings()
    kept.add("https://b.example/", "open", channel="#cabal")
    [entry] = kept.entries(in_channel("links", "#cabal"))
    assert entry[0] == "open"
    assert "whispered" not in entry[6]
    assert "whispered" in kept.entries(in_channel("links", "#cabal"), viewer=ALL)[0][6]


def test_a_token_is_in_the_feeds_own_address_and_in_no_link_of_its_items(kept):
    kept.add("https://a.example/", "secret", channel="#cabal")
    for form, mistakes in MISTAKES.items():
        topic = in_channel("links", "#cabal")
        body = kept.find(topic, form, OF_CABAL, "a-token").body
        assert mistakes(body, f"{ROOT}/log/net/%23cabal/links.{form}?token=a-token") == []
        assert body.count(b"a-token") == (2 if form == "atom" else 1)  # Atom: its id as well


# How


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize(
    ("topic", "path"),
    [
        (Topic("feed"), "/feed.{}"),
        (Topic("links"), "/links.{}"),
        (Topic("jobs"), "/jobs.{}"),
        (in_channel("feed"), "/log/net/%23ops/feed.{}"),
        (in_channel("links", "#a/b&<c>"), "/log/net/%23a%2Fb%26%3Cc%3E/links.{}"),
        (Topic("by", "net", word="a|b\\`^[x]"), "/links/by/net/a%7Cb%5C%60%5E%5Bx%5D.{}"),
        (Topic("tag", word="é"), "/links/tag/%C3%A9.{}"),
        (Topic("search", word='"a b" & <c> #d'), "/search.{}?q=%22a+b%22+%26+%3Cc%3E+%23d"),
    ],
)
def test_each_feed_keeps_all_rules_in_each_form_and_says_where_it_is(topic, path, form, kept):
    kept.add("https://a.example/?a=1&b=2", 'Read "this" & <that> #tag #é', nick="a|b\\`^[x]", text='a b & <c> #d "a b"')
    kept.add("https://b.example/", "", text="two https://b.example/ https://c.example/", channel="#a/b&<c>")
    kept.job("up <web> & all")
    made = kept.find(topic, form)
    assert MISTAKES[form](made.body, ROOT + path.format(form)) == []
    assert made.kind == TYPES[form]
    if topic.which != "search":
        assert kept.titles(topic, form)
    kept.now = Settings(feed=FeedSettings(hub=HUB))
    told = HUB if topic.lasting else ""
    made = kept.find(topic, form)
    assert MISTAKES[form](made.body, ROOT + path.format(form), told) == []
    assert (made.own, made.hub) == (ROOT + path.format(form), told)


def test_the_forms_say_the_same(kept):
    kept.add("https://a.example/?a=1&b=2", "Read <this> & \x02that\x02 #one #two", nick="al<i>ce")
    kept.say("between")
    kept.add("https://b.example/", "", text="see \ufffe https://b.example/")
    kept.job("up web")
    rss, atom, found = (kept.entries(form=form) for form in ("rss", "atom", "json"))
    assert rss == atom == found
    assert rss[-1][:6] == (
        "Read <this> & that #one #two", "https://a.example/?a=1&b=2", rss[-1][2], "al<i>ce", NOON + SECOND,
        ("one", "two"),
    )  # fmt: skip


def test_a_json_item_is_its_page_and_tells_of_another(kept):
    number = kept.add("https://a.example/", "A read")
    kept.job("up web")
    made = json.loads(kept.find(form="json").body)
    urls = {each["id"]: (each["url"], each.get("external_url")) for each in made["items"]}
    assert urls == {
        f"{ROOT}/line/{number}": (f"{ROOT}/line/{number}", "https://a.example/"),
        f"{ROOT}/jobs/1": (f"{ROOT}/jobs/1", None),
    }


def item_of(number, title, author, text):
    address = PAGES.line(number)
    return Item(title, address, address, address, author, NOON, NOON, f"<p>{escape(text)}x</p>", tags_in(title))


TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4), TEXT, st.text(max_size=40))
def test_any_text_leaves_each_form_valid_with_as_many_items(texts, title, word):
    now = Settings(feed=FeedSettings(title=title))
    feed = Feed(None, None, None, lambda: now, PAGES)
    found = [item_of(number, *each) for number, each in enumerate(texts, 1)]
    for which in ("feed", "by", "tag", "search"):
        topic = Topic(which, "net", word=word if which != "feed" else "")
        for form, mistakes in MISTAKES.items():
            body = feed.render(Source(topic, (), ALL), form, found).body
            if form != "json":
                ET.fromstring(body)  # by expat
            assert mistakes(body, topic.address(ROOT, form)) == []
            assert len(entries_of(body, form)) == len(texts)


# What was said just before


def test_an_item_has_what_was_said_just_before(kept):
    for number in range(5):
        kept.say(f"line {number}", nick=f"<n{number}>")
    kept.say("", event="join", nick="eve")
    kept.say("elsewhere", channel="#dev")
    kept.add("https://a.example/", "A read", text="look & see")
    before = kept.find(Topic("links")).body
    kept.say("said later")
    assert kept.find(Topic("links")).body == before
    html = Elements(kept.entries(Topic("links"))[0][6])
    assert [tag for tag, _ in html.found] == ["p", "a", "blockquote", *["br"] * BEFORE, "b", "p", "a"]
    assert "<<n2>> line 2<<n3>> line 3<<n4>> line 4<alice> look & see#ops on net" in "".join(html.text)


def test_what_is_forgotten_is_gone_from_every_feed_at_once(kept):
    line = kept.say("the password is tomato")
    kept.add("https://a.example/", "A read")
    other = kept.add("https://b.example/", "tomato soup")
    search, of_alice = Topic("search", word="tomato"), Topic("by", "net", word="alice")
    topics = [Topic(), Topic("links"), in_channel("feed"), search, of_alice]
    for topic in topics:
        assert b"tomato" in kept.find(topic).body
    kept.forgetting.forget([line, other], "carol")
    for topic in topics:
        for form in TYPES:
            assert "tomato" not in str(kept.entries(topic, form))
            assert topic is search or b"tomato" not in kept.find(topic, form).body


def test_who_says_that_something_is_gone_has_all_made_anew(kept):
    kept.add("https://a.example/", "A read")
    assert kept.titles() == ["A read"]
    kept.database.wait(lambda connection: connection.execute(links.delete()))
    kept.feed.forget()
    assert kept.titles() == []


# In memory


def test_what_has_not_changed_is_not_made_again(kept):
    kept.add("https://a.example/", "A read")
    topics = [
        in_channel("links"),
        Topic("by", "net", word="alice"),
        Topic("tag", word="x"),
        Topic("search", word="read"),
    ]
    made = {topic: kept.find(topic) for topic in topics}
    kept.database.wait(lambda connection: connection.exec_driver_sql("UPDATE runners SET beat = 1"))
    assert all(kept.find(topic) is made[topic] for topic in topics)
    kept.say("something else")
    assert kept.find(in_channel("links")) is made[in_channel("links")]
    ready = kept.feed.ready(Wanted(in_channel("links"), "rss"))
    assert ready is (made[in_channel("links")] if kept.feed.watch.instant else None)


def test_what_anybody_can_think_of_is_kept_up_to_a_bound(kept):
    kept.say("hello")
    for number in range(MOST_KEPT + 50):
        kept.find(Topic("search", word=f"w{number}"))
        kept.find(in_channel("feed", "#ops" if number % 2 else "#OPS"))
    assert len(kept.feed.others.made) == MOST_KEPT
    assert len(kept.feed.lasting.made) == 1
    assert len(kept.feed.valid) == 1


def test_a_search_that_takes_long_holds_up_no_other_feed(kept):
    kept.say("hello")
    began, go = threading.Event(), threading.Event()

    class Slow(LinksOf):
        def by(self, *given):
            began.set()
            assert go.wait(DEADLINE)
            return super().by(*given)

    kept.feed.sources.links_of = Slow(kept.database)
    thread = threading.Thread(target=kept.find, args=(Topic("by", "net", word="alice"),))
    thread.start()
    try:
        assert began.wait(DEADLINE)
        assert kept.titles() == []
        kept.add("https://a.example/", "A read")
        assert kept.titles() == ["A read"]
    finally:
        go.set()
        thread.join(DEADLINE)


# All of them


def test_the_list_of_all_feeds_has_those_that_its_reader_may_see(kept):
    kept.say("hello", channel='#a"<&>')
    kept.say("hello", channel="#cabal")
    body = kept.find(Topic(OPML), OPML).body
    assert mistakes_in_opml(body) == []
    addresses = [each.get("xmlUrl") for each in ET.fromstring(body).iter("outline") if each.get("xmlUrl")]
    own = f"{ROOT}/log/net/%23a%22%3C%26%3E/"
    assert addresses == [f"{above}{which}.rss" for above in (f"{ROOT}/", own) for which in ("feed", "links", "jobs")]
    body = kept.find(Topic(OPML), OPML, OF_CABAL, "a-token").body
    assert mistakes_in_opml(body) == []
    addresses = [each.get("xmlUrl") for each in ET.fromstring(body).iter("outline") if each.get("xmlUrl")]
    assert len(addresses) == 9
    assert all(each.endswith(".rss?token=a-token") for each in addresses)
    assert f"{ROOT}/log/net/%23cabal/feed.rss?token=a-token" in addresses


def test_a_new_channel_is_in_the_list_at_once(kept):
    before = kept.find(Topic(OPML), OPML)
    kept.say("hello")
    assert b"%23ops" in kept.find(Topic(OPML), OPML).body
    assert b"%23ops" not in before.body


def test_a_private_channel_whose_section_was_removed_is_in_no_list_until_something_is_public_there(kept):
    kept.add("https://a.example/", "secret", channel="#cabal")
    kept.now = Settings()
    assert b"%23cabal" not in kept.find(Topic(OPML), OPML).body
    assert kept.find(in_channel("feed", "#cabal")) is None
    assert kept.titles(Topic("links")) == []
    kept.say("now it is open", channel="#cabal")
    assert b"%23cabal" in kept.find(Topic(OPML), OPML).body
    assert kept.titles(in_channel("feed", "#cabal")) == []


def test_a_page_points_to_the_feeds_with_all_and_to_its_own():
    found = feeds_of("T", in_channel("feed"))
    assert [each.address for each in found] == [
        *(f"/log/net/%23ops/feed.{form}" for form in TYPES), *(f"/feed.{form}" for form in TYPES)
    ]  # fmt: skip
    assert found[0].kind == "application/rss+xml"
    assert found[0].title == "T: #ops on net"
    assert feeds_of("T") == found[3:]
