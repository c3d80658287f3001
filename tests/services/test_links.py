"""Links: each once a day, with the line it was said in, for those who may see it."""

import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from stores import opened, shut

from chanops.core.errors import Problem
from chanops.core.masking import mask_for
from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.history import History
from chanops.services.link_queue import MOST_AT_ONCE, PAUSE, SLOWER
from chanops.services.link_rows import LONGEST_TITLE
from chanops.services.links import Links

DEADLINE = 20
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READ = "https://example.org/read"


def line(text="look", at=NOON, **more):
    return Message("net", "message", "alice", "alice", "#ops", text, at, text)._replace(**more)


class Kept:
    """Links in a database of their own, and the settings they go by."""

    def __init__(self, database):
        self.database = database
        self.now = Settings()
        self.links = Links(self.database, History(self.database, lambda: self.now), lambda: self.now)

    def channels(self, **channels):
        """Other settings: feed=["#a"] and links=["#b"] name the channels where that is off."""
        self.now = Settings(channels={
            name: ChannelSettings(**{key: name not in channels.get(key, ()) for key in ("feed", "links")})
            for name in {each for names in channels.values() for each in names}
        })  # fmt: skip

    def mention(self, address, said):
        """Mention a link and wait until it is on disk."""
        self.links.mention(address, said)
        self.written()

    def written(self):
        self.database.write(lambda connection: None).result(DEADLINE)

    def rows(self, query):
        with self.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def count(self, table):
        return self.rows(f"SELECT count(*) FROM {table}")[0][0]

    def addresses(self, *arguments, **more):
        return [link.address for link in self.links.newest(*arguments, most=100, **more)]

    def in_feed(self):
        return [link.address for link in self.links.in_feed(100)]

    def held(self):
        """Have the writer wait; returns what lets it go on."""
        reached, go = threading.Event(), threading.Event()

        def hold(connection):
            reached.set()
            assert go.wait(DEADLINE)

        self.database.write(hold)
        assert reached.wait(DEADLINE)
        return go


@pytest.fixture
def kept(database):
    return Kept(database)


def test_a_link_is_kept_with_its_title_and_its_line(kept):
    at = NOON + timedelta(milliseconds=7)
    done = kept.links.add(READ, " A read ", line(".url …", at))
    assert done.new
    [link] = kept.links.newest()
    assert link == done.link
    assert (link.address, link.title, link.named, link.place, link.changed) == (READ, "A read", "A read", 1, at)
    assert (link.said.network, link.said.channel, link.said.nick, link.said.at) == ("net", "#ops", "alice", at)


def test_a_mentioned_link_is_named_by_what_was_said_about_it(kept):
    kept.mention(READ, line(f"all of you: {READ} please", raw=f"\x02all\x02 of you: {READ} please"))
    [link] = kept.links.newest()
    assert (link.title, link.named) == ("", f"all of you: {READ} please")


@pytest.mark.parametrize(
    ("title", "text", "named"),
    [
        ("", "", READ),
        ("", " \x02 ", READ),
        ("\x02", "said", "said"),
        ("\x0304,01", "", READ),
        ("\x02Bold\x02 read", "said", "Bold read"),
        ("x" * 400, "said", "x" * (LONGEST_TITLE - 1) + "…"),
        ("", "y" * 400, "y" * (LONGEST_TITLE - 1) + "…"),
    ],
)
def test_a_link_always_has_a_name_that_can_be_seen(title, text, named, kept):
    kept.links.add(READ, title, line(text))
    assert kept.links.newest()[0].named == named


def test_the_same_link_within_a_day_is_noted_and_not_repeated(kept):
    first = kept.links.add(READ, "A read", line("first"))
    for hours in (0, 1, 23):
        again = kept.links.add(READ, "Another title", line(f"again {hours}", NOON + hours * HOUR, nick="bob"))
        assert not again.new
        assert again.link == first.link
    kept.mention(READ, line("mentioned", NOON + 2 * HOUR))
    assert kept.addresses() == [READ]
    assert kept.links.newest()[0].title == "A read"
    assert (kept.count("links"), kept.count("mentions"), kept.count("lines")) == (1, 4, 5)


@pytest.mark.parametrize(
    ("later", "new"),
    [
        (DAY - timedelta(milliseconds=1), False),
        (DAY, True),
        (DAY + HOUR, True),
        (-DAY + HOUR, False),
        (-DAY, True),
    ],
)
def test_after_a_day_a_link_is_new_again(later, new, kept):
    kept.links.add(READ, "", line())
    assert kept.links.add(READ, "", line("again", NOON + later)).new is new


def test_the_day_counts_from_the_first_of_the_links_and_not_from_the_last_mention(kept):
    new = [kept.links.add(READ, "", line(str(n), NOON + n * 10 * HOUR)).new for n in range(6)]
    assert new == [True, False, False, True, False, False]


def test_an_old_line_that_is_played_back_again_and_again_adds_nothing(kept):
    monday, wednesday = line(f"monday {READ}"), line(f"wednesday {READ}", NOON + 2 * DAY)
    kept.mention(READ, monday)
    kept.mention(READ, wednesday)
    for _ in range(3):
        kept.mention(READ, monday._replace(replayed=True))
        kept.mention(READ, wednesday._replace(replayed=True))
    assert (kept.count("links"), kept.count("mentions"), kept.count("lines")) == (2, 0, 2)


@pytest.mark.parametrize(
    "rest",
    ["a\0b", "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=8000))],
    ids=["NUL", "long"],
)
def test_any_address_is_one_link_however_often_and_another_with_a_different_end(rest, kept):
    address = f"http://example.org/{rest}"
    assert [kept.links.add(each, "", line("one")).new for each in (address, address, address + "x")] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://Example.ORG/a", "http://example.org/a"),
        ("HTTP://example.org/a", "http://example.org/a"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:/a", "http://example.org/a"),
        ("http://example.org", "http://example.org/"),
        ("http://example.org?q=1", "http://example.org/?q=1"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]"),
    ],
)
def test_two_spellings_of_an_address_are_one_link(one, other, kept):
    kept.links.add(one, "", line("one"))
    again = kept.links.add(other, "", line("other"))
    assert not again.new
    assert again.link.address == one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/a", "http://example.org/a/"),
        ("http://example.org/a", "http://example.org/a?"),
        ("http://example.org/?a=1&b=2", "http://example.org/?b=2&a=1"),
        ("http://example.org/a#b", "http://example.org/a#c"),
        ("http://example.org:443/", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org:8081/"),
    ],
)
def test_two_addresses_that_may_differ_are_two_links(one, other, kept):
    kept.links.add(one, "", line("one"))
    assert kept.links.add(other, "", line("other")).new


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "in two batches"])
@pytest.mark.parametrize("msgid", ["", "m1"])
def test_two_links_of_one_line_share_its_number_and_differ_in_their_place(msgid, apart, kept):
    said = line("see http://a.example http://b.example and http://c.example", msgid=msgid)
    go = kept.held()
    for name in "abc":
        kept.links.mention(f"http://{name}.example", said)
        if apart:
            go.set()
            kept.written()
    go.set()
    kept.written()
    found = kept.links.newest()
    assert [(link.address, link.place) for link in found] == [
        (f"http://{name}.example", place) for name, place in zip("cba", (3, 2, 1), strict=True)
    ]
    assert len({link.said.id for link in found}) == 1
    assert kept.count("lines") == 1


def test_a_title_that_is_given_later_is_taken_over(kept):
    kept.mention(READ, line(f"hm {READ}"))
    later = kept.links.add(READ, "A read", line("titled", NOON + HOUR))
    assert not later.new
    assert (later.link.title, later.link.said.text, later.link.changed) == ("A read", f"hm {READ}", NOON + HOUR)
    assert kept.links.newest() == [later.link]
    assert kept.links.add(READ, "A third", line("again", NOON + 2 * HOUR)).link == later.link


def test_a_title_given_in_the_same_batch_is_taken_over_too(kept):
    go = kept.held()
    kept.links.mention(READ, line("first"))
    adding = threading.Thread(target=kept.links.add, args=(READ, "A read", line("titled")))
    adding.start()
    go.set()
    adding.join(DEADLINE)
    assert [link.title for link in kept.links.newest()] == ["A read"]


@pytest.mark.parametrize("later", [HOUR, timedelta(0), -HOUR])
def test_a_title_that_is_taken_over_shows_in_the_stamp_whatever_the_clock_says(later, kept):
    kept.mention(READ, line("first"))
    kept.mention("http://other.example", line("other"))
    with kept.database.read() as connection:
        before = kept.links.stamp(connection)
        kept.links.add(READ, "A read", line("titled", NOON + later))
        assert kept.links.stamp(connection) != before


def test_where_links_are_off_none_is_kept(kept):
    kept.channels(links=["#quiet"])
    with pytest.raises(Problem, match=r"not kept in #quiet \(links = no\)"):
        kept.links.add(READ, "", line(channel="#quiet"))
    kept.mention(READ, line(channel="#quiet"))
    assert kept.count("links") == kept.count("lines") == 0


def test_in_private_no_link_is_kept(kept):
    with pytest.raises(Problem, match="say it in a channel"):
        kept.links.add(READ, "", line(channel=""))
    kept.mention(READ, line(channel=""))
    assert kept.count("links") == kept.count("lines") == 0


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "ftp://x/", "//x/", "x", "", "http://"])
def test_what_is_no_web_address_is_never_kept(address, kept):
    with pytest.raises(Problem, match="http"):
        kept.links.add(address, "", line())
    with pytest.raises(Problem, match="http"):
        kept.links.mention(address, line())
    kept.written()
    assert kept.count("links") == 0


def test_links_of_a_hidden_channel_are_seen_there_and_nowhere_else(kept):
    kept.channels(feed=["#cabal"])
    kept.links.add("http://secret.example", "", line("secret", channel="#cabal"))
    kept.links.add("http://open.example", "", line("open"))
    assert kept.in_feed() == kept.addresses() == ["http://open.example"]
    assert kept.addresses(channel=("net", "#ops")) == ["http://open.example"]
    assert kept.addresses(channel=("net", "#cabal")) == ["http://open.example", "http://secret.example"]
    assert kept.addresses(channel=("other", "#cabal")) == ["http://open.example"]
    assert kept.addresses("secret") == []


def test_a_link_that_is_known_in_a_hidden_channel_is_new_in_an_open_one_and_the_other_way_round(kept):
    kept.channels(feed=["#cabal"])
    for channel in ("#cabal", "#ops", "#cabal", "#ops"):
        kept.links.add(READ, "", line("look", channel=channel))
    assert [link.said.channel for link in kept.links.newest(channel=("net", "#cabal"))] == ["#ops", "#cabal"]
    assert [link.said.channel for link in kept.links.in_feed(10)] == ["#ops"]


def test_links_of_two_hidden_channels_are_never_the_same(kept):
    kept.channels(feed=["#board", "#lab"])
    kept.links.add(READ, "", line("look", channel="#board", nick="boss"))
    again = kept.links.add(READ, "Our merger", line("look", NOON + HOUR, channel="#lab"))
    assert again.new
    assert (again.link.said.channel, again.link.title) == ("#lab", "Our merger")
    third = kept.links.add(READ, "", line("again", NOON + 2 * HOUR, channel="#lab", nick="bob"))
    assert (third.new, third.link) == (False, again.link)
    for channel, title in (("#board", ""), ("#lab", "Our merger")):
        found = kept.links.newest(channel=("net", channel))
        assert [(link.said.channel, link.title) for link in found] == [(channel, title)]


def test_a_link_of_a_channel_that_is_hidden_by_now_is_new_in_an_open_one(kept):
    kept.links.add(READ, "Our merger", line("look", channel="#board", nick="boss"))
    kept.channels(feed=["#board"])
    again = kept.links.add(READ, "", line("again", NOON + HOUR))
    assert again.new
    assert (again.link.said.channel, again.link.title) == ("#ops", "")
    assert kept.in_feed() == [READ]
    inside = kept.links.add(READ, "Not public", line("inside", NOON + HOUR, channel="#board"))
    assert inside.new
    kept.channels()
    assert [link.title for link in kept.links.in_feed(10)] == ["", "Our merger"]


def test_a_channel_that_is_hidden_later_is_hidden_with_all_its_past(kept):
    kept.links.add("http://a.example", "", line("a", channel="#cabal"))
    kept.links.add("http://b.example", "", line("b"))
    kept.channels(feed=["#cabal"])
    assert kept.in_feed() == ["http://b.example"]
    assert not kept.links.may_see("net", "#cabal")


def test_what_was_said_in_hiding_stays_hidden(kept):
    kept.channels(feed=["#cabal"])
    kept.links.add(READ, "", line("hidden", channel="#cabal"))
    kept.channels()
    assert kept.in_feed() == []


@pytest.mark.parametrize("name", ["#a/b", "&a/b", "net/#a/b"])
def test_a_channel_with_a_slash_in_its_name_can_be_hidden(name, kept):
    channel = name.removeprefix("net/")
    kept.links.add(READ, "", line(channel=channel))
    assert kept.in_feed() == [READ]
    kept.channels(feed=[name])
    assert kept.in_feed() == []


def test_the_section_of_one_network_s_channel_wins_over_that_of_all(kept):
    kept.links.add("http://here.example", "", line("here"))
    kept.links.add("http://there.example", "", line("there", network="other"))
    kept.now = Settings(channels={"#ops": ChannelSettings(feed=False), "net/#ops": ChannelSettings(feed=True)})
    assert kept.in_feed() == ["http://here.example"]
    kept.now = Settings(channels={"#ops": ChannelSettings(feed=True), "net/#ops": ChannelSettings(feed=False)})
    assert kept.in_feed() == ["http://there.example"]


SAID = ("100% cotton", "snake_case", "it's", 'a "quote"', "back\\slash", "semi;colon", "plain", "UPPER case", "x--y")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("%", ["100% cotton"]),
        ("100%", ["100% cotton"]),
        ("_", ["snake_case"]),
        ("e_c", ["snake_case"]),
        ("'", ["it's"]),
        ('"', ['a "quote"']),
        ("\\", ["back\\slash"]),
        (";", ["semi;colon"]),
        ("--", ["x--y"]),
        ("upper CASE", ["UPPER case"]),
        ("case", ["UPPER case", "snake_case"]),
        ("a/", []),
        ("' OR 1=1 --", []),
        ("'; DROP TABLE links; --", []),
        ("cotton plain", []),
        ("/0", ["100% cotton"]),
        ("example.org plain", ["plain"]),
        ("  plain  ", ["plain"]),
    ],
)
@pytest.mark.parametrize("titled", [True, False], ids=["in the title", "in the line"])
def test_links_are_found_by_words_taken_as_they_are(words, found, titled, kept):
    for number, text in enumerate(SAID):
        address = f"http://example.org/{number}"
        kept.links.add(address, text if titled else "", line("said" if titled else text, NOON + number * HOUR))
    assert [link.named for link in kept.links.newest(words, most=100)] == found


def test_the_newest_come_first_and_no_more_than_asked_for(kept):
    for number in range(9):
        kept.links.add(f"http://example.org/{number}", "", line(str(number)))
    assert [link.address[-1] for link in kept.links.newest()] == ["8", "7", "6", "5", "4"]
    assert [link.address[-1] for link in kept.links.newest(most=2)] == ["8", "7"]
    assert [link.address[-1] for link in kept.links.in_feed(3)] == ["8", "7", "6"]


def test_ten_thousand_mentions_at_once_are_all_stored_also_when_the_bot_leaves_meanwhile(kept):
    for number in range(10_000):
        kept.links.mention(
            f"http://example.org/{number}", line(f"line {number}", NOON + timedelta(microseconds=number))
        )
    kept.database.stop()
    assert (kept.count("links"), kept.count("lines")) == (10_000, 10_000)


def test_mentions_from_many_threads_are_all_stored(kept):
    def mention(who):
        for number in range(300):
            kept.links.mention(f"http://{who}.example/{number}", line(f"{who} {number}"))

    threads = [threading.Thread(target=mention, args=(who,)) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    kept.database.stop()
    assert kept.count("links") == 1200


def test_a_mention_does_not_wait_for_the_writer_until_very_many_wait(kept):
    go = kept.held()
    start = time.monotonic()
    for number in range(SLOWER):
        kept.links.mention(f"http://example.org/{number}", line(str(number)))
    assert time.monotonic() - start < PAUSE
    kept.links.mention("http://example.org/last", line("last"))
    assert PAUSE <= time.monotonic() - start < PAUSE + 2
    assert kept.count("links") == 0
    go.set()
    kept.database.stop()
    assert kept.count("links") == SLOWER + 1


def test_a_batch_that_fails_is_put_back_and_stored_with_the_next(kept, caplog):
    table = shut(kept.database, "links")
    go = kept.held()
    for number in range(MOST_AT_ONCE + 50):
        kept.links.mention(f"http://example.org/{number}", line(str(number)))
    go.set()
    kept.written()
    kept.written()
    assert (kept.count(table), kept.count("lines")) == (0, 0)
    with pytest.raises(Problem, match=r"no such table|disk full"):
        kept.links.add(READ, "", line())
    kept.written()
    told = [each for each in caplog.records if each.name.startswith("chanops.")]
    assert len(told) in (1, 2)  # one attempt each: what fails is not tried again and again
    opened(kept.database, "links")
    kept.links.mention("http://example.org/last", line("last"))
    kept.database.stop()
    assert kept.count("links") == MOST_AT_ONCE + 51
    addresses = [address for (address,) in kept.rows("SELECT address FROM links ORDER BY id")]
    assert sorted(addresses[:-1], key=lambda each: int(each.rpartition("/")[2])) == addresses[:-1]


def test_one_mention_that_cannot_be_stored_takes_no_other_with_it(kept):
    go = kept.held()
    for number, text in enumerate(["good", "half of a \ud83d pair", "good as well"]):
        kept.links.mention(f"http://example.org/{number}", line(text))
    go.set()
    kept.written()
    kept.mention("http://example.org/later", line("later"))
    kept.database.stop()
    found = {text for (text,) in kept.rows("SELECT text FROM lines")}
    assert {"good", "good as well", "later"} <= found


def test_an_address_with_a_secret_is_not_kept(kept):
    kept.links.history.mask = mask_for(["hunter2hunter2"]).text
    secret = "https://example.org/?token=0123456789abcdef"
    with pytest.raises(Problem, match="there is a secret in that address"):
        kept.links.add(secret, "", line())
    kept.mention(secret, line())
    assert kept.addresses() == []
    kept.links.add(READ, "it is hunter2hunter2", line())
    assert [link.title for link in kept.links.newest()] == ["it is [secret]"]
