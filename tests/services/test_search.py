"""Search finds the same lines in both databases, the same as a plain look at every line, and only what may be seen."""

import random
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chanops.core.access import fold
from chanops.core.logged import LOGGED
from chanops.core.query import read
from chanops.core.terms import SPOKEN, single_characters, terms_of
from chanops.core.text import plain
from chanops.services import search as searching
from chanops.services import search_sql
from chanops.services.database import Database
from chanops.services.dialects import TooSlow
from chanops.services.line_rows import channel_ids, first_number, insert_lines
from chanops.services.reading import Channel
from chanops.services.search import Search
from chanops.services.tables import moment, stamp
from chanops.services.visibility import Seen
from chanops.testing import private_copy

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NETWORK = "libera"
NAMES = ("#ops", "#dev", "#quiet")
HOSTILE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Log:
    """A database with channels and their lines."""

    def __init__(self, database):
        self.database, self.search, self.numbers = database, Search(database), count(first_number(NOON))
        self.rows = []
        pairs = [(NETWORK, name) for name in NAMES]
        self.ids = {name: of for (_, name), of in database.wait(lambda c: channel_ids(c, pairs)).items()}

    def add(self, *rows):
        self.database.wait(lambda connection: insert_lines(connection, [*rows], self.search))
        self.rows += rows
        return [row["id"] for row in rows]

    def row(self, text, nick="alice", channel="#ops", kind="message", public=True, at=NOON, id=0):
        return {
            "id": id or next(self.numbers),
            "channel_id": self.ids[channel],
            "at": stamp(at),
            "nick": nick,
            "account": "",
            "kind": kind,
            "text": text,
            "msgid": None,
            "public": public,
        }

    def say(self, text, **more):
        return self.add(self.row(text, **more))[0]

    def seen(self, *names, everything=False):
        return [Seen(Channel(self.ids[name], NETWORK, name), everything) for name in names or NAMES]

    def find(self, text, seen=None, **more):
        found = self.search.find(read(text), self.seen() if seen is None else seen, **more)
        assert all(line.network == NETWORK and self.ids[line.channel] == line.channel_id for line in found.lines)
        return [line.id for line in found.lines]

    def forget(self, *numbers):
        rows = [row for row in self.rows if row["id"] in numbers]
        self.database.wait(lambda connection: self.search.unindex(connection, rows))
        while self.database.wait(self.search.purge):
            pass


@pytest.fixture
def log(database):
    return Log(database)


@pytest.fixture
def both(tmp_path, empty_database, postgresql):
    """The same in SQLite and in PostgreSQL."""
    folder = private_copy(empty_database, tmp_path / "both")
    url = postgresql.migrated()
    databases = [Database(folder / "chanops.db"), Database(folder / "none.db", url)]
    for database in databases:
        database.start()
    yield [Log(database) for database in databases]
    for database in databases:
        database.stop()
    postgresql.drop(url)


WORDS = (
    *(
        "deploy",
        "deployed",
        "Deploy",
        "failed",
        "ok",
        "the",
        "of",
        "web01",
        "web02",
        "nginx",
        "naïve",
        "naive",
        "don't",
    ),
    *("web01.example.com", "https://github.com/deploy/123", "v1.2.3", "1.2.3", "/var/log/syslog", "x86_64", "Straße"),
    *("日本語", "日本", "本", "テキスト", "한국어", "🎉", "🚀🚀", "\x02bold\x02", "\x0304,05red\x03", "ΣΊΣΥΦΟΣ", "a"),
)
NICKS = ("alice", "Bob", "bob", "b[o]b", "b{o}b", "carol_", "carol", "日本")


def made_up(chance, log, number):
    """A line as people and programs say them."""
    at = NOON + timedelta(seconds=number * 40 + chance.randrange(30), milliseconds=chance.randrange(1000))
    text = " ".join(chance.choices(WORDS, k=chance.randint(1, 7)))
    kind = chance.choice(LOGGED) if chance.random() < 0.3 else "message"
    where = {"channel": chance.choice(NAMES), "public": chance.random() < 0.8}
    return log.row(text, chance.choice(NICKS), kind=kind, at=at, id=first_number(at) + number % 16, **where)


def made_up_query(chance, log):
    """A query with some of everything."""
    when = moment(chance.choice(log.rows)["at"])
    parts = [
        lambda: chance.choice(WORDS),
        lambda: " ".join(chance.choices(WORDS, k=2)),
        lambda: f'"{" ".join(chance.choices(WORDS, k=2))}"',
        lambda: f'"{" ".join(plain(chance.choice(log.rows)["text"]).split()[1:3])}"',
        lambda: f"{chance.choice(WORDS)[:3]}*",
        lambda: f"-{chance.choice(WORDS)}",
        lambda: f"{chance.choice(('', '-'))}nick:{chance.choice(NICKS)}",
        lambda: f"{chance.choice(('', '-'))}kind:{chance.choice(LOGGED)}",
        lambda: f"{chance.choice(('', '-'))}channel:{chance.choice(('#OPS', 'libera/#dev', 'quiet', '#none'))}",
        lambda: f"before:{when:%Y-%m-%dT%H:%M:%S}",
        lambda: f"after:{when:%Y-%m-%dT%H:%M}",
        lambda: f'exact:"{" ".join(plain(chance.choice(log.rows)["text"]).split()[:2])}"',
    ]
    usual = [parts[0], chance.choice(parts)] if chance.random() < 0.6 else chance.choices(parts, k=chance.randint(1, 3))
    return " ".join(part() for part in usual)


def holds(terms, words, open):
    """Whether words follow each other somewhere."""
    for place in range(len(terms) - len(words) + 1):
        here = terms[place : place + len(words)]
        if here == list(words) or (open and here[:-1] == list(words[:-1]) and here[-1].startswith(words[-1])):
            return True
    return False


def fits(row, query, log, everything):
    """What the databases are held to: a plain look at one line."""
    terms = terms_of(row["text"]) if row["kind"] in SPOKEN else []
    name = next(name for name, of in log.ids.items() if of == row["channel_id"])
    names = {name, name[1:], f"{NETWORK}/{name}", f"{NETWORK}/{name[1:]}"}

    def has(phrase):
        return holds(terms, *phrase) or holds(list(single_characters(terms)), *phrase)

    def among(filters):
        return (
            [fold(nick) == fold(row["nick"]) for nick in filters.nicks],
            [kind == row["kind"] for kind in filters.kinds],
            [fold(channel) in names for channel in filters.channels],
        )

    return (
        (row["public"] or everything)
        and all(map(has, query.phrases))
        and not any(map(has, query.without))
        and all(any(each) for each in among(query.only) if each)
        and not any(any(each) for each in among(query.never))
        and (query.after is None or row["at"] >= stamp(query.after))
        and (query.before is None or row["at"] < stamp(query.before))
        and all(each in plain(row["text"]) for each in query.exact)
    )


def test_both_databases_find_what_a_look_at_every_line_finds(both):
    chance, found = random.Random(5), 0
    rows = [made_up(chance, both[0], number) for number in range(700)]
    for log in both:
        log.add(*rows)
    for _ in range(600):
        text, everything = made_up_query(chance, both[0]), chance.random() < 0.3
        query = read(text)
        true = sorted((row["id"] for row in rows if fits(row, query, both[0], everything)), reverse=True)
        if query.empty:
            true = []
        for log in both:
            assert log.find(text, log.seen(everything=everything), most=1000) == true, text
        found += bool(true)
    assert found > 300


@given(
    text=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00")),
    nick=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80),
)
@HOSTILE
def test_every_text_goes_in_is_found_by_its_words_and_goes_out_again(both, text, nick):
    for log in both:
        number = log.say(text, nick=nick)
        for word in set(terms_of(text)[:20]):
            assert number in log.find(f'"{word}"', most=1000)
        log.forget(number)
        assert number not in log.find(f"nick:{nick}", most=1000)


@given(
    text=st.text()
    | st.lists(st.sampled_from(['"', "*", "-", ":", "nick:", "'", "\\", "(", ")", "&", "|", "!", "a"])).map("".join)
)
@HOSTILE
def test_no_query_is_an_error(both, text):
    assert both[0].find(text) == both[1].find(text)


def test_a_page_goes_on_where_the_last_ended(log):
    numbers = log.add(*(log.row(f"deploy {number}") for number in range(25)))
    pages, before = [], 0
    while True:
        found = log.search.find(read("deploy"), log.seen(), before, 10)
        pages.append([line.id for line in found.lines])
        before = found.more
        if not before:
            break
    assert pages == [numbers[:14:-1], numbers[14:4:-1], numbers[4::-1]]


def test_nothing_more_is_promised_where_there_is_nothing(log):
    log.add(*(log.row("deploy") for _ in range(10)))
    assert log.search.find(read("deploy"), log.seen(), most=10).more == 0
    assert log.search.find(read("deploy"), log.seen(), most=9).more


def test_a_line_is_as_it_was_said(log):
    number = log.say("\x02Deploy\x02 done", nick="Bob", channel="#dev", kind="action", at=NOON)
    (line,) = log.search.find(read("deploy"), log.seen()).lines
    assert (line.id, line.channel, line.nick, line.kind, line.at) == (number, "#dev", "Bob", "action", NOON)
    assert (line.text, line.plain, line.public, line.account) == ("\x02Deploy\x02 done", "Deploy done", True, "")


def test_only_what_may_be_seen_is_found(log):
    open_line, secret = log.say("deploy"), log.say("deploy", public=False)
    elsewhere = log.say("deploy", channel="#dev")
    for words in ("deploy", "deploy -x", "nick:alice", "channel:#ops", "-x", "after:2026"):
        assert log.find(words, log.seen("#ops")) == [open_line]
        assert log.find(words, log.seen("#ops", everything=True)) == [secret, open_line]
        assert log.find(words, []) == []
    assert log.find("channel:#dev", log.seen("#ops", everything=True)) == []
    assert log.find("deploy") == [elsewhere, open_line]


def test_a_quiet_channel_is_found_behind_many_lines_of_others(log):
    old = [log.say("deploy", channel="#quiet"), log.say("deploy", channel="#quiet")]
    log.add(*(log.row("deploy", public=bool(number % 2)) for number in range(3000)))
    assert log.find("deploy", log.seen("#quiet")) == old[::-1]
    assert log.find("deploy", log.seen("#quiet"), most=1) == old[1:]
    assert log.find("deploy", log.seen("#quiet"), before=old[1]) == old[:1]


def test_links_of_channels_without_a_log_and_forgotten_lines_are_not_found(log):
    log.say("", kind="link", nick="bob")
    number = log.say("secret", nick="bob")
    kept = log.say("well known", nick="bob")
    log.forget(number)
    assert log.find("nick:bob") == [kept]
    assert log.find("secret") == []


def test_a_line_that_says_it_is_forgotten_is_not_shown_though_it_were_still_indexed(log):
    number = log.say("secret")
    log.database.wait(lambda c: c.exec_driver_sql(f"UPDATE lines SET kind = 'forgotten' WHERE id = {number}"))
    assert log.find("secret") == []


def test_times_are_exact_though_numbers_ran_ahead_by_hours(log):
    first = first_number(NOON)
    rows = [
        log.row("deploy", at=NOON, id=first + 16 * 90_000),  # its number is a day ahead
        log.row("deploy", at=NOON - timedelta(milliseconds=1), id=first - 16),
        log.row("deploy", at=NOON + timedelta(milliseconds=1), id=first + 1),
        log.row("deploy", at=NOON + timedelta(days=2), id=first_number(NOON + timedelta(days=2))),
    ]
    ahead, before, behind, late = log.add(*rows)
    assert log.find("deploy before:2026-11-20T12:00:00") == [before]
    assert log.find("deploy before:2026-11-20T12:00:01") == [ahead, behind, before]
    assert log.find("deploy after:2026-11-20T12:00") == [late, ahead, behind]
    assert log.find("after:2026-11-20T12 before:2026-11-21 deploy") == [ahead, behind]


def test_what_is_exact_is_so_in_its_case_and_signs(log):
    numbers = [log.say(text) for text in ("Like This", "like this", "I \x02Like\x02 This.", "Like, This", "This Like")]
    assert log.find('exact:"Like This"') == [numbers[2], numbers[0]]
    assert log.find("exact:Like,") == [numbers[3]]
    assert log.find("exact:,") == [numbers[3]]


def test_a_search_that_looked_at_much_says_where_to_go_on(log, monkeypatch):
    monkeypatch.setattr(searching, "FIRST_LOOK", 10)
    monkeypatch.setattr(searching, "LATER_LOOKS", 10)
    monkeypatch.setattr(searching, "MOST_LOOKED_AT", 30)
    numbers = log.add(log.row("Rare word"), *(log.row("rare word") for _ in range(50)))
    found = log.search.find(read("exact:Rare"), log.seen())
    assert (found.lines, found.more) == ([], numbers[-30])
    assert log.find("exact:Rare", before=found.more) == [numbers[0]]


def test_a_search_of_many_looks_that_takes_too_long_is_ended_with_what_to_do(log, monkeypatch):
    monkeypatch.setattr(searching, "FIRST_LOOK", 1)
    monkeypatch.setattr(searching, "LATER_LOOKS", 1)
    monkeypatch.setattr(searching, "MOST_LOOKED_AT", 1 << 62)
    monkeypatch.setattr(searching, "WITHIN", 0.02)
    log.add(*(log.row("deploy") for _ in range(3000)))
    with pytest.raises(TooSlow, match="ask for less"):
        log.find("exact:Deploy")
    assert log.database.engine.pool.checkedout() == 1, "only the writer keeps one"
    monkeypatch.undo()
    assert len(log.find("deploy", most=1000)) == 1000


def test_the_index_stays_whole(log, sqlite_only):
    numbers = log.add(*(log.row(f"日本 deploy {number} 🎉", nick="b[o]b") for number in range(300)))
    log.forget(*numbers[::3])
    check = "INSERT INTO line_words (line_words) VALUES ('integrity-check')"
    log.database.wait(lambda connection: connection.exec_driver_sql(check))
    assert log.find("deploy", most=1000) == [number for number in reversed(numbers) if number not in numbers[::3]]


def held(log, word):
    """How often some bytes stand in the database's files."""
    with log.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar() == 0
    files = [path for path in log.database.path.parent.iterdir() if path.is_file()]
    return sum(path.read_bytes().count(word) for path in files)


# The index holds of a word only what differs from the one before it: its end is what to look for.
@pytest.mark.parametrize("step", [3, 500])
def test_a_secret_word_that_was_taken_out_is_nowhere_in_the_file(log, sqlite_only, monkeypatch, step):
    monkeypatch.setattr(search_sql, "STEP", step)
    texts = [f"deploy {random.Random(number).getrandbits(200):x} done" for number in range(2000)]
    for place in range(0, 2000, 200):
        log.add(*(log.row(text) for text in texts[place : place + 200]))
    number = log.say("the password is hunter2xyzzy")
    log.add(*(log.row("later") for _ in range(100)))
    assert held(log, b"xyzzy") >= 2
    wipe = "UPDATE lines SET text = '', kind = 'forgotten' WHERE id = ?"
    log.database.wait(lambda connection: connection.exec_driver_sql(wipe, (number,)))
    assert held(log, b"xyzzy") >= 1
    log.forget(number)
    assert held(log, b"xyzzy") == 0
    assert len(log.find("later", most=1000)) == 100
    assert len(log.find("deploy", most=1000)) == 1000


def test_a_purge_that_others_interrupt_begins_anew_with_what_they_took_out(log, sqlite_only, monkeypatch):
    monkeypatch.setattr(search_sql, "STEP", 1)
    log.add(*(log.row(f"deploy {random.Random(number).getrandbits(200):x}") for number in range(2000)))
    numbers = [log.say("one-xyzzy"), log.say("two-plugh")]
    log.database.wait(lambda connection: log.search.unindex(connection, log.rows[-2:-1]))
    assert log.database.wait(log.search.purge), "it was done at once: this tests nothing"
    log.forget(numbers[1])
    with log.database.read() as connection:
        blocks = connection.exec_driver_sql("SELECT block FROM line_words_data").scalars()
        words = b"".join(map(bytes, blocks))
    assert b"ploy" in words
    assert b"xyzzy" not in words
    assert b"plugh" not in words
