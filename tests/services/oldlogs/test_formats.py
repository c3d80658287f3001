"""Each format's lines become what was said; the logs in tests/data/logs look as the programs write them."""

import itertools
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chanops.services.oldlogs import energymech, irssi, mirc, weechat, znc
from chanops.services.oldlogs.base import MINUTE, SECOND, Given, Old, Other, Tally
from chanops.services.oldlogs.clock import Clock
from chanops.services.oldlogs.importing import TEXTS, plan
from chanops.services.tables import moment

LOGS = Path(__file__).parents[2] / "data" / "logs"
UTC = ZoneInfo("UTC")
EVENTS = {
    ("alice", "join", ""),
    ("bob", "message", "alice: hello"),
    ("alice", "action", "waves"),
    ("chanops", "notice", "job 41: done"),
    ("bob", "mode", "+o alice"),
    ("carol", "nick", "carol_away"),
}
LONGEST = 65_536  # bytes of a line that is read
AT_MOST = 0.05  # seconds
LETTERS = [
    *"@&+~%!. :#[](){}<>-*'\"/\t\x03a1é",
    ": ",
    "- ",
    "] ",
    ") ",
    ") (",
    ")] ",
    "' ",
    '" ',
    "a ",
    "@ ",
    "\t ",
    ":#",
    ":&- ",
]
LETTERS += [
    "] by ",
    "] by ,",
    '" to "',
    "has left #x (",
    ") has left x (",
    ") has quit (",
    " has joined ",
    "\x0312",
    "(@",
]
LETTERS += [" is now known as a", " was kicked by @", " Quit (", " has left #x", "] has left x [", "] has quit ["]
IRSSI = ["", "<", "<a", "<a:", "* ", " * a", "-", "-a:", "-a:#", "-a:@", "--- Day changed "]
IRSSI += [
    "-!- ",
    "-!- a [",
    "-!- a [b] has left ",
    "-!- a [b] has left #x [",
    "-!- a [b] has quit [",
    "-!- a was kicked from ",
]
IRSSI += [
    "-!- a was kicked from #x by ",
    "-!- a is now known as ",
    "-!- a changed the topic of ",
    "-!- mode/",
    "-!- mode/#x [",
]
BRACKETED = [
    "",
    "<",
    "<@",
    "* ",
    "* a ",
    "* a (",
    "* a (b@",
    "-",
    "-a:#",
    "*** ",
    "*** a ",
    "*** a (",
    "*** Joins: ",
    "*** Parts: ",
]
BRACKETED += [
    "*** Parts: a (",
    "*** Parts: a (b@c) (",
    "*** Quits: a (b@c) (",
    "*** Quits: a (",
    "*** a is now known as ",
]
BRACKETED += [
    "*** a sets mode: ",
    "*** a changes topic to '",
    "*** a was kicked by ",
    "*** a was kicked by b (",
    "* a (b@c) has left #",
]
BRACKETED += ["* a (b@c) has left # (", "* a (b@c) has joined #", "* a (b@c) Quit (", "* a has quit IRC ("]
WEECHAT = ["", "-->\t", "-->\ta ", "<--\t", "<--\ta ", "<--\ta (", "<--\ta (b) has left #x (", "<--\ta (b) has quit ("]
WEECHAT += [
    "<--\ta has kicked ",
    "<--\ta has kicked b (",
    "--\t",
    "--\ta is now known as ",
    "--\tMode #",
    "--\tMode # [",
    " *\t",
]
WEECHAT += [
    "--\ta has changed topic for #x ",
    '--\ta has changed topic for #x from "',
    '--\ta has changed topic for #x to "',
]
WEECHAT += ["--\tNotice(", "--\tNotice(a", "--\tNotice(a) -> #", "@\t"]
HOSTILE = {
    "irssi": {"12:00 ": IRSSI, "": ["", "--- Log opened ", "--- Day changed Thu ", "--- Log opened Thu Nov "]},
    "weechat": {"2024-11-21 12:00:00\t": WEECHAT, "": ["", "2024-11-21 12:00:00."]},
    "znc": {"[12:00:00] ": BRACKETED, "": [""]},
    "energymech": {"[12:00] ": BRACKETED, "": [""]},
    "mirc": {"[12:00] ": BRACKETED, "": ["", " ", "Session Start: ", "Session Start: Thu ", "Session Time: Thu Nov "]},
}
OF_EACH = {
    "irssi": [
        ("21 12:00:00", "alice", "message", "hello <b> & co"),
        ("21 12:02:00", "silver.libera.chat", "mode", "+nt"),
        ("21 12:03:00", "bob", "topic", "Deploys [today]: no"),
        ("21 12:03:00", "bob", "topic", ""),
        ("21 12:05:00", "bob", "kick", "mallory spam [again]"),
        ("21 12:06:00", "carol_away", "part", ""),
        ("21 12:06:00", "dave", "part", "bye"),
        ("21 12:07:00", "erin", "quit", "Ping timeout: 240 seconds"),
        ("21 23:59:00", "bob", "message", "late"),
        ("22 00:00:00", "bob", "message", "early"),
        ("22 00:01:00", "alice", "message", "to the channel"),
    ],
    "weechat": [
        ("21 11:58:02", "zoe", "join", ""),
        ("21 12:00:02", "alice", "message", "a\ttab"),
        ("21 12:00:03", "carol", "message", ""),
        ("21 12:01:02", "bob", "notice", "to all"),
        ("21 12:03:00", "bob", "topic", "new"),
        ("21 12:03:01", "bob", "topic", ""),
        ("21 12:05:00", "bob", "kick", "mallory spam (again)"),
        ("21 12:06:00", "carol_away", "part", ""),
        ("21 12:06:01", "dave", "part", '"bye"'),
        ("21 12:07:00", "erin", "quit", "Ping timeout: 240 seconds"),
    ],
    "znc": [
        ("21 12:00:02", "alice", "message", "hello <b> & co"),
        ("21 12:02:01", "Server", "mode", "+nt"),
        ("21 12:03:00", "bob", "topic", "it's new"),
        ("21 12:05:00", "bob", "kick", "mallory spam (again)"),
        ("21 12:06:00", "carol_away", "part", ""),
        ("21 12:06:01", "dave", "part", "bye"),
        ("21 12:07:00", "erin", "quit", "Ping timeout: 240 seconds"),
        ("22 00:00:01", "bob", "message", "the next day"),
    ],
    "energymech": [
        ("21 12:03:00", "bob", "topic", "Deploys"),
        ("21 12:05:00", "bob", "kick", "mallory spam"),
        ("21 12:06:00", "dave", "part", ""),
        ("21 12:07:00", "erin", "quit", "Ping timeout"),
    ],
    "mirc": [
        ("21 12:03:00", "bob", "topic", "it's new"),
        ("21 12:05:00", "bob", "kick", "mallory spam"),
        ("21 12:06:00", "dave", "part", "bye"),
        ("21 12:07:00", "erin", "quit", "Ping timeout"),
        ("21 12:08:00", "zoe", "join", ""),
        ("21 12:08:00", "zoe", "part", ""),
        ("21 23:59:00", "bob", "message", "late"),
        ("22 00:00:00", "bob", "message", "early"),
        ("23 23:58:00", "bob", "message", "late again"),
        ("24 00:01:00", "bob", "message", "and no mark of the day"),
    ],
}


def read(form):
    """All that a format's folder holds, and what was counted."""
    sources = plan(form, [LOGS / form], Given(UTC)).sources
    return [(each, list(each.read())) for each in sources]


def parsed(form, line):
    clock = Clock(UTC, Tally())
    clock.exactly(2024, 11, 21)
    return TEXTS[form].parse(line, clock)


@pytest.mark.parametrize("form", TEXTS)
def test_every_line_of_a_real_log_is_understood_and_belongs_to_its_channel(form):
    for source, _ in read(form):
        assert source.place[:2] == ("libera", "#ops")
        assert (source.tally.strange, source.tally.samples) == (0, [])
        assert source.tally.size == source.size > 0


@pytest.mark.parametrize("form", TEXTS)
def test_what_all_formats_have_is_the_same(form):
    found = {(old.nick, old.kind, old.text) for _, olds in read(form) for old in olds}
    if form == "mirc":
        found = {(nick, kind, text.replace("café costs 2 €", "hello")) for nick, kind, text in found}
    assert found >= EVENTS


@pytest.mark.parametrize("form", TEXTS)
def test_events_get_the_texts_of_their_kinds_in_the_files_order(form):
    found = [
        (f"{moment(old.at):%d %H:%M:%S}", old.nick, old.kind, old.text)
        for _, olds in read(form)
        for old in olds
        if (old.nick, old.kind, old.text) not in EVENTS
    ]
    assert [each for each in found if each in OF_EACH[form]] == OF_EACH[form][:1] * (form == "irssi") + OF_EACH[form]


@pytest.mark.parametrize(("form", "exact"), [("irssi", MINUTE), ("weechat", SECOND), ("znc", SECOND), ("mirc", MINUTE)])
def test_a_time_is_as_exact_as_it_is_written(form, exact):
    assert {old.resolution for _, olds in read(form) for old in olds} == {exact}


@pytest.mark.parametrize(
    ("form", "line", "known"),
    [
        ("irssi", "12:00:07 <@alice> hello", ("alice", "message", "hello", SECOND)),
        ("irssi", "[12:00] <alice> hello", ("alice", "message", "hello", MINUTE)),
        ("irssi", "2024-11-21 12:00:07 <alice> hello", ("alice", "message", "hello", SECOND)),
        ("irssi", "12:00 <alice>", ("alice", "message", "", MINUTE)),
        ("irssi", "12:00 <alice>   indented ", ("alice", "message", "  indented ", MINUTE)),
        (
            "irssi",
            "12:00 <alice> -!- bob [b@h] has quit [x]",
            ("alice", "message", "-!- bob [b@h] has quit [x]", MINUTE),
        ),
        ("irssi", "12:00 -!- bob [b@h] has joined #ops", ("bob", "join", "", MINUTE)),
        (
            "irssi",
            "12:00 -!- bob [b@h] has quit [#ops has joined #ops]",
            ("bob", "quit", "#ops has joined #ops", MINUTE),
        ),
        ("irssi", "12:00  * alice", ("alice", "action", "", MINUTE)),
        ("weechat", "2024-11-21 12:00:07\t<@alice>\thello", ("alice", "message", "hello", SECOND)),
        ("weechat", "2024-11-21T12:00:07.123456Z\talice\thello", ("alice", "message", "hello", SECOND)),
        ("weechat", "2024-11-21 12:00:07\t→\tbob (b@h) has joined #ops", ("bob", "join", "", SECOND)),
        ("znc", "[12:00:07] <al\u00efce> \x02bold\x02", ("al\u00efce", "message", "\x02bold\x02", SECOND)),
        ("znc", "[12:00:07] <alice> *** Joins: bob (b@h)", ("alice", "message", "*** Joins: bob (b@h)", SECOND)),
        ("energymech", "[12:00:07] <alice> hello", ("alice", "message", "hello", SECOND)),
        ("energymech", "[12:00] *** Quits: erin (erin@x) (bye)", ("erin", "quit", "bye", MINUTE)),
        ("mirc", "[12:00:07] <+alice> hello", ("alice", "message", "hello", SECOND)),
        ("mirc", "[12:00] * alice has quit IRC (bye)", ("alice", "quit", "bye", MINUTE)),
        ("mirc", "[12:00] * bob (b@h) Quit (Read error)", ("bob", "quit", "Read error", MINUTE)),
    ],
)
def test_lines_as_settings_and_people_make_them(form, line, known):
    found = parsed(form, line)
    assert isinstance(found, Old)
    assert tuple(found[1:]) == known
    assert f"{moment(found.at):%Y-%m-%d %H:%M}" == "2024-11-21 12:00"


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("irssi", "12:00 hello"),
        ("irssi", "25:00 <alice> hello"),
        ("irssi", "12:61 <alice> hello"),
        ("irssi", "--- Day changed nobody knows"),
        ("irssi", "--- Day changed Sun Feb 30 2024"),
        ("irssi", "<alice> hello"),
        ("irssi", "12:00 <al"),
        ("weechat", "2024-02-30 12:00:00\talice\thello"),
        ("weechat", "2024-11-21 12:00:00 alice hello"),
        ("weechat", "2024-11-21T12:00:00+99:99\talice\thello"),
        ("znc", "12:00:00 <alice> hello"),
        ("znc", "[99:00:00] <alice> hello"),
        ("mirc", "hello"),
        ("mirc", "Session Start: Xxx Xxx 99 12:00:00 2024"),
    ],
)
def test_what_is_no_line_of_a_log_is_not_understood(form, line):
    assert parsed(form, line) is Other.STRANGE


@pytest.mark.parametrize("form", [irssi, mirc])
def test_without_a_day_no_line_is_understood(form):
    clock = Clock(UTC, Tally())
    assert form.parse("[12:00] <alice> hello", clock) is Other.STRANGE


def test_a_day_that_is_not_understood_leaves_none_rather_than_a_wrong_one():
    clock = Clock(UTC, Tally())
    assert irssi.parse("--- Log opened Thu Nov 21 12:00:00 2024", clock) is Other.BESIDE
    assert isinstance(irssi.parse("12:00 <alice> hello", clock), Old)
    assert irssi.parse("--- Day changed whenever", clock) is Other.STRANGE
    assert irssi.parse("12:00 <alice> hello", clock) is Other.STRANGE
    assert irssi.parse("--- Day changed So Dez 06 2024", clock) is Other.BESIDE
    assert f"{moment(irssi.parse('12:00 <alice> hello', clock).at):%Y-%m-%d}" == "2024-12-06"


def seconds(form, line):
    """What reading a line costs, whatever else the machine does: the least of some times."""
    least = 1.0
    for _ in range(5):
        begun = time.thread_time()
        parsed(form, line)
        least = min(least, time.thread_time() - begun)
        if least < AT_MOST:
            break
    return least


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.timeout(60)
def test_no_line_takes_long(form):
    for length in (4096, LONGEST):  # the short ones first: a line that takes long takes hours when it is whole
        for before, starts in HOSTILE[form].items():
            for start, letters in itertools.product(starts, LETTERS):
                line = before + start + letters * (length // len(letters))
                for end in ("", "\x00"):
                    assert seconds(form, line[: length - 1] + end) <= AT_MOST, (before + start, letters, end, length)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("irssi", "--- Day changed Thu Nov {} 2024"),
        ("irssi", "--- Day changed Thu {} 21 2024"),
        ("irssi", "--- Log opened Thu Nov {} 12:00:00 2024"),
        ("mirc", "Session Start: Thu Nov {} 12:00:00 2024"),
        ("mirc", "Session Time: Thu {} 21 12:00:00 2024"),
    ],
)
@pytest.mark.parametrize("number", ["9" * 20, "9" * 60_000, "0", "99"])
def test_a_number_that_is_no_day_is_not_understood(form, line, number):
    assert parsed(form, line.format(number)) is Other.STRANGE


@pytest.mark.parametrize(
    ("form", "line", "known"),
    [
        ("irssi", "12:00 -alice:&ops- psst", ("alice", "notice", "psst")),
        ("irssi", "12:00 -alice:+ops- psst", ("alice", "notice", "psst")),
        ("irssi", "12:00 -alice:@#ops- psst - so", ("alice", "notice", "psst - so")),
        ("weechat", "2024-11-21 12:00:00\t<--\tal (a@(x)) has left #ops (bye)", ("al", "part", "bye")),
        ("weechat", "2024-11-21 12:00:00\t<--\tal has quit (bye)", ("al", "quit", "bye")),
        (
            "weechat",
            '2024-11-21 12:00:00\t--\tal has changed topic for #ops from "a" to "b "to" "c"',
            ("al", "topic", 'b "to" "c'),
        ),
        ("energymech", "[12:00] *** Parts: @al (a@b@c) (bye)", ("al", "part", "bye")),
        ("mirc", "[12:00] *  @al waves", ("al", "action", "waves")),
    ],
)
def test_lines_that_look_hostile_and_are_none(form, line, known):
    assert tuple(parsed(form, line)[1:4]) == known


def test_the_formats_say_which_files_of_a_folder_they_mean():
    assert ".weechatlog" in weechat.SUFFIXES
    assert all(".log" in each.SUFFIXES for each in (irssi, znc, energymech, mirc))
