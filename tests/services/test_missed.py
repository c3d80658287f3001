"""What somebody missed: when they were away, what was said to them, and whose business that is."""

import base64
import hmac
import stat
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.missed import MOST_SHOWN, Missed
from chanops.services.missed_token import LASTS, MOST_SPANS, Pass, Signer, Span
from chanops.services.pages import Pages
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.tables import jobs, stamp

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ROOT = "https://ops.example"
JOB = {
    "kind": "up", "plan": "{}", "state": "done", "text": "", "network": "libera", "nick": "bob", "account": "bob",
    "public": True, "changed": 0, "owner": "", "fence": 0, "cancelled": "", "told": True,
}  # fmt: skip


def after(minutes):
    return NOON + timedelta(minutes=minutes)


class Told:
    """A log of which somebody asks what they missed."""

    def __init__(self, database, folder):
        self.database, self.settings, self.signer = database, Settings(), Signer(folder)
        self.reading, self.search = Reading(database), Search(database)
        self.history = History(database, lambda: self.settings, self.search)
        self.links = Links(database, self.history, lambda: self.settings)
        self.there = {("libera", "#ops", "alice")}
        self.missed = Missed(
            self.reading, self.search, lambda: self.settings, lambda: Pages(ROOT), self.signer, self.present
        )

    def present(self, *place):
        return place in self.there

    def line(self, minutes, text="", nick="bob", event="message", channel="#ops", account=None, params=()):
        account = nick if account is None else account
        said = Message("libera", event, nick, account, channel, text, after(minutes), text, params=params)
        self.database.wait(lambda connection: self.history.keep(connection, [said]))
        return said

    def job(self, number, minutes, channel="#ops", title="up web-1"):
        at = stamp(after(minutes))
        row = {**JOB, "id": number, "title": title, "channel": channel, "created": at - 1000, "ended": at}
        self.database.wait(lambda connection: connection.execute(jobs.insert(), row))

    def ask(self, minutes, nick="alice", channel="#ops", account=None):
        account = nick if account is None else account
        return Message("libera", "message", nick, account, channel, ".missed", after(minutes), ".missed")

    def told(self, *args, **keys):
        return list(self.missed.told(self.ask(*args, **keys)))

    def shown(self, *args, **keys):
        """What the page shows that was told of."""
        last = self.told(*args, **keys)[-1]
        assert last.startswith(f"all of it: {ROOT}/missed/"), last
        of = self.signer.read(last.rpartition("/")[2], NOON + timedelta(1))
        return self.missed.absence(of)

    def spans(self, *args, **keys):
        return [(each.since, each.until) for each in self.missed.spans(self.ask(*args, **keys))]

    def private(self, name):
        self.settings = replace(self.settings, channels={name: ChannelSettings(private=True)})


@pytest.fixture
def kept(database, tmp_path):
    return Told(database, tmp_path)


@pytest.fixture
def away(kept):
    """alice left at minute 10 and came back at 70."""
    kept.line(0, "hello", "alice")
    kept.line(10, "good night", "alice", "quit")
    kept.line(20, "alice: can you look at web-1?")
    kept.line(30, "nobody in particular")
    kept.line(40, "malice, alice_ and alice-bot are not meant", "carol")
    kept.line(50, "did @Alice see it?", "carol")
    kept.line(70, "", "alice", "join")
    kept.line(80, "alice: welcome back")
    return kept


def test_it_is_the_time_from_leaving_to_coming_back(away):
    assert away.spans(90) == [(after(10), after(70))]
    found = away.shown(90)
    assert [line.text for line in found.mentions] == ["alice: can you look at web-1?", "did @Alice see it?"]
    assert [each.spoken for each in found.away] == [4]


def test_the_answer_names_what_was_said_to_them_and_where_all_is(away):
    first, *mentions, last = away.told(90)
    assert first == "you missed 1 h in #ops: 4 lines, 2 for you"
    assert mentions == ["12:20 #ops <bob> alice: can you look at web-1?", "12:50 #ops <carol> did @Alice see it?"]
    assert last.startswith(f"all of it: {ROOT}/missed/")
    assert len(last) < 300


@pytest.mark.parametrize(
    ("event", "nick", "text", "params"),
    [
        ("part", "alice", "lunch", ()),
        ("quit", "ALICE", "Ping timeout", ()),
        ("kick", "bob", "too loud", ("#ops", "Alice", "too loud")),
    ],
)
def test_however_they_left(kept, event, nick, text, params):
    kept.line(0, "hello", "alice")
    kept.line(5, "hello", "bob", "kick", params=("#ops", "carol", "hello"))
    kept.line(10, text, nick, event, params=params)
    kept.line(20, "alice: ?")
    assert kept.spans(30) == [(after(10), after(30))]
    kept.line(40, "", "alice", "join")
    assert kept.spans(50) == [(after(10), after(40))]


def test_who_comes_back_under_another_nick_is_back_with_the_own_one(away):
    away.line(100, "", "alice", "quit")
    away.line(110, "", "alice_", "join")
    away.line(120, "alice", "alice_", "nick")
    assert away.spans(130) == [(after(100), after(120))]


def test_who_was_there_all_the_time_missed_what_was_said_since_their_last_word(kept):
    kept.line(0, "", "alice", "join")
    kept.line(1, "hello", "alice")
    kept.line(2, "alice: are you there?")
    kept.line(3, ".missed", "alice")
    assert kept.spans(4) == [(after(1), after(4))]
    assert [line.text for line in kept.shown(4).mentions] == ["alice: are you there?"]


def test_an_absence_of_long_ago_is_over_once_they_have_spoken_again(away):
    two_days = 2 * 24 * 60
    away.line(75, "thanks, I have read it all", "alice")
    away.line(two_days, "alice: something new")
    assert away.spans(90) == [(after(10), after(70))]
    assert away.spans(two_days + 1) == [(after(75), after(two_days + 1))]


def test_who_was_never_there_is_told_so(kept):
    kept.line(0, "hello")
    assert kept.told(5) == ["I do not know of anything you missed"]
    assert kept.told(5, channel="") == ["I do not know of anything you missed: ask in the channel you mean"]
    assert kept.told(5, channel="#elsewhere") == ["I do not know of anything you missed"]


def test_where_nothing_happened_there_is_no_page(kept):
    kept.line(0, "", "alice", "part")
    kept.line(60, "", "alice", "join")
    assert kept.told(61) == ["you missed 1 h in #ops: 0 lines, 0 for you"]


def test_links_and_jobs_of_that_time_are_told(away):
    for minutes, title in ((5, "before"), (25, "meanwhile"), (75, "behind")):
        said = away.line(minutes, f"https://example.org/{title}", "bob")
        away.links.add(f"https://example.org/{title}", f"{title} it was", said)
    away.job(1, 5)
    away.job(2, 25)
    away.job(3, 25, channel="#dev")
    away.job(4, 75)
    told = away.told(90)
    assert told[0] == "you missed 1 h in #ops: 5 lines, 2 for you, 1 link, 1 job"
    assert told[3:5] == ["meanwhile it was: https://example.org/meanwhile", "job 2: up web-1: done"]
    found = away.shown(90)
    assert [link.title for link in found.links] == ["meanwhile it was"]
    assert [job.id for job in found.jobs] == [2]


def test_no_more_than_five_of_each_are_told_the_newest(away):
    for number in range(9):
        away.line(60 + number / 10, f"alice: {number}")
    told = away.told(90)
    assert [each.rpartition(" ")[2] for each in told[1:6]] == ["4", "5", "6", "7", "8"]
    assert len(told) == 7


def test_hostile_text_is_shown_as_it_is_on_one_line(away):
    away.line(55, "alice: \x02bold\x02 \x0304red \u202eesrever\x01", "bob")
    assert away.told(90)[3] == "12:55 #ops <bob> alice: bold red \\u202eesrever\\u0001"


def test_a_nick_of_brackets_and_bars_is_found_as_it_is(kept):
    kept.line(0, "", "[b|ob]\\^", "part")
    kept.line(1, "[B|ob]\\^: you")
    kept.line(2, "x[b|ob]\\^: not you")
    kept.line(3, "b ob: not you")
    assert [line.text for line in kept.shown(4, "[b|ob]\\^").mentions] == ["[B|ob]\\^: you"]


def test_what_is_shown_has_an_end_however_long_it_was(kept):
    kept.line(0, "", "alice", "part")
    texts = [
        Message("libera", "message", "bob", "", "#ops", f"alice: {n}", after(1) + timedelta(seconds=n), f"alice: {n}")
        for n in range(MOST_SHOWN + 50)
    ]
    kept.database.wait(lambda connection: kept.history.keep(connection, texts))
    found = kept.shown(60)
    assert len(found.mentions) == MOST_SHOWN
    assert found.mentions[-1].text == f"alice: {MOST_SHOWN + 49}"
    assert found.away[0].spoken == MOST_SHOWN + 50
    assert len(kept.missed.lines(found.away[0], 100)) == 100


def test_in_private_it_is_about_all_channels_where_they_are(away):
    away.line(15, "", "alice", "part", channel="#dev")
    away.line(16, "alice: here too", channel="#dev")
    away.line(70, "", "alice", "join", channel="#dev")
    away.line(20, "alice: not there", channel="#other")
    found = away.shown(90, channel="")
    assert {each.channel.name for each in found.away} == {"#ops", "#dev"}
    assert found.mentions[0].text == "alice: here too"


def test_a_channel_that_is_not_open_is_told_of_only_to_the_same_account(away):
    away.private("#ops")
    assert away.spans(90, channel="#ops") == [(after(10), after(70))]
    assert away.spans(90, channel="#ops", account="mallory") == []  # who came under that nick missed nothing else
    assert away.spans(90, channel="#ops", account="") == []
    assert away.spans(90, channel="") == [(after(10), after(70))]
    assert away.spans(90, channel="", account="Alice") == [(after(10), after(70))]
    assert away.spans(90, channel="", account="mallory") == []
    assert away.spans(90, channel="", account="") == []


@pytest.mark.parametrize(
    ("event", "nick", "params"),
    [("part", "alice", ()), ("quit", "alice", ()), ("kick", "bob", ("#ops", "alice", "out"))],
)
def test_a_channel_that_is_not_open_is_not_told_of_to_who_is_not_there_any_more(away, event, nick, params):
    away.private("#ops")
    away.line(85, "out", nick, event, params=params)
    away.line(86, "a secret that alice is not to know")
    away.there.clear()
    assert away.spans(90, channel="") == []
    assert away.spans(90, channel="#ops") == []  # it may be that those outside can speak there
    away.line(95, "", "alice", "join")
    away.there.add(("libera", "#ops", "alice"))
    assert away.spans(96, channel="") == [(after(85), after(95))]


def kick(kept, minutes, nick, channel="#cabal"):
    kept.line(minutes, "out", "op", "kick", channel, params=(channel, nick, "out"))


def test_who_is_there_is_what_counts_and_not_what_the_log_says_of_it(kept):
    kept.private("#cabal")
    kept.line(0, "hi", "alice", channel="#cabal")
    kept.line(1, "alice2", "alice", "nick", "#cabal")
    kick(kept, 2, "alice2")  # and then she takes her own nick again, which nobody in that channel sees
    kept.line(3, "alice: a secret", "op", channel="#cabal")
    assert kept.told(10, channel="") == ["I do not know of anything you missed: ask in the channel you mean"]
    kept.there.add(("libera", "#cabal", "alice2"))
    assert kept.spans(10, channel="") == []  # somebody else has the nick now
    kept.there.add(("libera", "#cabal", "alice"))
    assert [line.text for line in kept.shown(10, channel="").mentions] == ["alice: a secret"]


def test_a_departure_that_the_log_does_not_have_counts_too(kept):
    kept.private("#cabal")
    kept.line(0, "hi", "alice", channel="#cabal")
    kept.line(3, "alice: a secret", "op", channel="#cabal")  # she left while the bot was offline
    assert kept.spans(10, channel="") == []


def test_a_kick_counts_however_many_came_after_it(kept):
    kept.private("#cabal")
    kept.line(0, "hi", "alice", channel="#cabal")
    for number, nick in enumerate(("alice", *(f"spam{number}" for number in range(50)))):
        kick(kept, 1 + number, nick)
    kept.line(90, "alice: a secret", "op", channel="#cabal")
    assert kept.spans(100, channel="") == []


def test_who_came_under_the_nick_of_another_is_not_told_what_that_one_missed(kept):
    kept.private("#cabal")
    kept.there.add(("libera", "#cabal", "alice"))
    kept.line(0, "hi", "alice", channel="#cabal")
    kept.line(1, "bye", "alice", "quit", "#cabal")
    kept.line(2, "alice: a secret", "op", channel="#cabal")
    kept.line(3, "", "alice", "join", "#cabal", account="mallory")
    assert kept.spans(4, channel="", account="mallory") == []
    kept.line(5, "hello", "alice", channel="#cabal", account="mallory")
    kept.line(6, "bye", "alice", "part", "#cabal", account="")
    kept.line(7, "", "alice", "join", "#cabal", account="mallory")
    assert kept.spans(8, channel="", account="mallory") == [(after(6), after(7))]  # what was after their own words
    assert kept.spans(8, channel="") == []


def test_a_channel_that_was_opened_later_is_told_of_as_far_as_it_is_public(kept):
    kept.private("#cabal")
    kept.line(0, "hi", "alice", channel="#cabal")
    kept.line(1, "", "alice", "part", "#cabal")
    said = kept.line(2, "alice: a secret, https://example.org/secret", "op", channel="#cabal")
    kept.links.add("https://example.org/secret", "the secret", said)
    kept.settings = Settings()
    kept.job(1, 2, "#cabal")
    kept.database.wait(lambda connection: connection.execute(jobs.update().values(public=False)))
    for account in ("alice", "mallory", ""):
        assert kept.spans(3, channel="", account=account) == []
        assert kept.spans(3, channel="#cabal", account=account) == []
    kept.line(1, "", "carol", "join", "#cabal")
    kept.line(1, "hello", "carol", channel="#cabal")
    said = kept.line(4, "carol: come and see https://example.org/open", "op", channel="#cabal")
    kept.links.add("https://example.org/open", "open", said)
    kept.job(2, 4, "#cabal")
    found = kept.shown(5, "carol", channel="")
    assert [line.text for line in found.mentions] == [said.text]
    assert [link.title for link in found.links] == ["open"]
    assert [job.id for job in found.jobs] == [2]
    assert found.away[0].spoken == 1
    assert [line.nick for line in kept.missed.lines(found.away[0], 9)] == ["carol", "carol", "op"]
    assert kept.told(5, "carol", channel="")[0] == "you missed 4 min in #cabal: 1 line, 1 for you, 1 link, 1 job"


def test_a_channel_of_which_nothing_is_public_has_no_name_here(kept):
    kept.private("#cabal")
    kept.line(0, "hi", "alice", channel="#cabal")
    kept.line(1, "", "alice", "quit", "#cabal")
    kept.line(2, "alice: a secret", "op", channel="#cabal")
    kept.settings = Settings()  # the bot has left it, and its section is gone
    assert "#cabal" not in " ".join(kept.told(3, channel="", account=""))


def test_what_was_open_when_it_was_told_of_is_not_shown_once_it_is_private(away):
    token = away.told(90)[-1].rpartition("/")[2]
    away.private("#ops")
    of = away.signer.read(token, NOON + timedelta(1))
    assert away.missed.absence(of).away == ()
    mine = away.told(90)[-1].rpartition("/")[2]
    assert away.missed.absence(away.signer.read(mine, NOON + timedelta(1))).away[0].everything


def test_another_networks_alice_is_another(away):
    asks = away.ask(90, channel="")._replace(network="oftc")
    assert list(away.missed.spans(asks)) == []


def test_a_page_is_found_by_its_token_only_and_for_thirty_days(tmp_path):
    signer = Signer(tmp_path)
    of = Pass("alice", (Span(7, NOON, after(60)), Span(8, NOON, after(61), everything=True)))
    token = signer.sign(of, after(70))
    assert signer.read(token, after(80)) == of
    assert signer.read(token, after(69) + LASTS) == of
    assert signer.read(token, after(70) + LASTS) is None
    assert Signer(tmp_path).read(token, after(80)) == of  # also after a restart
    other = tmp_path / "other"
    other.mkdir()
    assert Signer(other).read(token, after(80)) is None


def test_a_token_of_which_anything_is_changed_is_none(tmp_path):
    signer = Signer(tmp_path)
    token = signer.sign(Pass("alice", (Span(7, NOON, after(60)),)), NOON)
    for place in range(len(token)):
        for letter in "AZaz09-_":
            changed = token[:place] + letter + token[place + 1 :]
            found = signer.read(changed, NOON)
            # The last letter of base64 has bits that mean nothing.
            assert found is None or changed == token or place == len(token) - 1
    for other in (token[:-1], token + "A", token + "=", token * 2, token.swapcase(), f" {token}", f"{token}\n"):
        assert signer.read(other, NOON) is None


def test_a_token_of_the_form_without_what_may_be_seen_is_none(tmp_path):
    signer = Signer(tmp_path)
    data = struct.pack(">IB5sIII", 1 << 31, 5, b"alice", 7, 1, 2)
    signature = hmac.digest(signer.secret(), data, "sha256")[:16]
    token = base64.urlsafe_b64encode(signature + data).rstrip(b"=").decode()
    assert signer.read(token, NOON) is None


@given(st.text(max_size=500))
def test_no_text_is_a_token(tmp_path_factory, text):
    assert Signer(tmp_path_factory.getbasetemp()).read(text, NOON) is None


def test_a_token_names_no_more_channels_than_fit_an_address(tmp_path):
    signer = Signer(tmp_path)
    of = Pass("x" * 100, tuple(Span(number, NOON, NOON) for number in range(50)))
    token = signer.sign(of, NOON)
    assert len(token) < 300
    found = signer.read(token, NOON)
    assert len(found.spans) == MOST_SPANS
    assert found.spans == of.spans[:MOST_SPANS]


def test_the_secret_is_made_once_and_for_us_alone(tmp_path):
    found = {Signer(tmp_path).secret() for _ in range(5)}
    assert len(found) == 1
    assert len(found.pop()) == 32
    assert stat.S_IMODE((tmp_path / "missed.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["missed.key"]
    (tmp_path / "missed.key").chmod(0o644)
    with pytest.raises(Problem, match="chmod 600"):
        Signer(tmp_path).secret()


def test_to_ask_for_a_page_makes_no_secret(tmp_path):
    assert Signer(tmp_path).read("A" * 32, NOON) is None
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_make_one_secret_and_each_knows_it_whole(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: Signer(tmp_path).secret(), range(200)))
    assert [len(each) for each in found] == [32]
    assert [path.name for path in tmp_path.iterdir()] == ["missed.key"]


@pytest.mark.parametrize("secret", [b"", b"x" * 31, b"x" * 33])
def test_a_secret_that_is_not_whole_signs_nothing_and_proves_nothing(tmp_path, secret):
    signer = Signer(tmp_path)
    (tmp_path / "missed.key").touch(0o600)
    (tmp_path / "missed.key").write_bytes(secret)
    data = b"2" + struct.pack(">IBIII?", 1 << 31, 0, 7, 1, 2, True)
    token = base64.urlsafe_b64encode(hmac.digest(secret, data, "sha256")[:16] + data[1:]).rstrip(b"=").decode()
    assert signer.read(token, NOON) is None
    with pytest.raises(Problem, match="remove it"):
        signer.sign(Pass("alice", (Span(7, NOON, after(60)),)), NOON)


def test_what_is_signed_is_only_what_the_page_shows(away):
    of = partial(Pass, "alice")
    assert away.missed.absence(of(())).away == ()
    assert away.missed.absence(of((Span(999, NOON, after(90)),))).away == ()
