"""Who is in which channel: the lines of a made-up network, as the bot sees them, against what is true there."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.irc import members
from chanops.irc.state import REMEMBERED, State
from chanops.irc.wire import parse

CLOCK = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHANNELS = ("#ops", "#Dev[1]")
NICKS = ("Alice", "bob[m]", "carol", "Ünal", "d^d")
SIGNS = ("", "@", "+", "@+", "~&@%+")


class Network:
    """What is true; each event gives the lines that the bot sees of it, and the channels that it should name."""

    def __init__(self):
        self.inside = {channel: set() for channel in (*CHANNELS, "#other")}
        self.nicks = dict(enumerate(NICKS))
        self.bot, self.at = "bot", set()

    def mask(self, number):
        return f":{self.nicks[number]}!u@h.example"

    def seen_at(self, number):
        return {channel for channel in self.at if number in self.inside[channel]}

    def come(self, number, channel, spelling):
        if number in self.inside[channel]:
            return
        self.inside[channel].add(number)
        if channel in self.at:
            yield f"{self.mask(number)} JOIN {spelling(channel)}", set()

    def go(self, number, channel, spelling, how):
        if number not in self.inside[channel]:
            return
        self.inside[channel].discard(number)
        if channel in self.at:
            nick = spelling(self.nicks[number])
            lines = {
                "part": f"{self.mask(number)} PART {channel} :bye",
                "kick": f":x!y@z KICK {spelling(channel)} {nick} :out",
            }
            yield lines[how], set()

    def quit(self, number, spelling):
        channels = self.seen_at(number)
        for inside in self.inside.values():
            inside.discard(number)
        if channels:
            yield f":{spelling(self.nicks[number])}!u@h QUIT :*.net *.split", channels & {*CHANNELS}

    def rename(self, number, spelling):
        old, new = self.mask(number), f"{NICKS[number]}|{len(self.nicks[number]) % 3}"
        self.nicks[number] = spelling(new)
        if self.seen_at(number):
            yield f"{old} NICK :{self.nicks[number]}", self.seen_at(number) & {*CHANNELS}

    def bot_comes(self, channel, spelling, signs, whole):
        if channel in self.at:
            return
        self.at.add(channel)
        yield f":{self.bot}!u@h JOIN :{spelling(channel)}", set()
        listed = [f"{signs}{self.nicks[each]}{'!u@h' if whole else ''}" for each in self.inside[channel]] + [self.bot]
        for at in range(0, len(listed), 2):
            yield f":irc 353 {self.bot} = {channel} :{' '.join(listed[at : at + 2])} ", set()
        yield f":irc 366 {self.bot} {channel} :End of NAMES", set()

    def bot_goes(self, channel, how):
        if channel in self.at:
            self.at.discard(channel)
            lines = {"part": f":{self.bot}!u@h PART {channel}", "kick": f":x!y@z KICK {channel} {self.bot} :out"}
            yield lines[how], set()

    def bot_renames(self):
        old, self.bot = self.bot, "helper" if self.bot == "bot" else "bot"
        yield f":{old}!u@h NICK {self.bot}", self.at & {*CHANNELS}


WHO, WHERE = st.sampled_from(range(len(NICKS))), st.sampled_from((*CHANNELS, "#other"))
HOW = st.sampled_from(("part", "kick"))
# The server may spell a name in another case than before; its ASCII letters and []^ are equal to the others.
SPELL = st.sampled_from((str, lambda name: name.translate(str.maketrans("ABCDEFo[]^", "abcdefO{}~"))))
EVENTS = st.one_of(
    st.tuples(st.just("come"), WHO, WHERE, SPELL),
    st.tuples(st.just("go"), WHO, WHERE, SPELL, HOW),
    st.tuples(st.just("quit"), WHO, SPELL),
    st.tuples(st.just("rename"), WHO, SPELL),
    st.tuples(st.just("bot_comes"), WHERE, SPELL, st.sampled_from(SIGNS), st.booleans()),
    st.tuples(st.just("bot_goes"), WHERE, HOW),
    st.tuples(st.just("bot_renames")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_a_quit_and_a_nick_name_the_channels_where_that_nick_really_was(events):
    network, state = Network(), State("net", "bot", CHANNELS)
    state.learn(parse(":irc 005 bot PREFIX=(qaohv)~&@%+ CASEMAPPING=rfc1459 :are supported"), 0.0)
    for name, *args in events:
        for text, channels in getattr(network, name)(*args):
            line = parse(text)
            state.learn(line, 0.0)
            message = state.message(line, 0.0, CLOCK)
            if message is None:
                assert "#other" in text.replace("O", "o")
                continue
            assert set(message.channels) == channels
            assert len(message.channels) == len(channels)
        truth = {
            channel: {state.fold(network.nicks[each]) for each in network.inside[channel]} | {network.bot}
            for channel in network.at & {*CHANNELS}
        }
        assert state.members.rooms == truth


def told(state, *lines):
    """The channels that the last of these lines names."""
    for text in lines:
        state.learn(parse(text), 0.0)
        message = state.message(parse(text), 0.0, CLOCK)
    return message.channels


def inside(*lines):
    state = State("net", "bot", CHANNELS)
    told(state, ":bot!u@h JOIN #ops", ":irc 353 bot = #OPS :@bot +alice bob", *lines)
    return state


def test_whoever_is_in_no_channel_of_ours_is_in_none():
    state = inside(":irc 353 bot = #other :mallory", ":irc 353 bot = #Dev[1] :mallory", ":mallory!m@h JOIN #Dev[1]")
    assert told(state, ":mallory!m@h QUIT :bye") == ()
    assert told(state, ":mallory!m@h NICK other") == ()
    assert list(state.members.rooms) == ["#ops"]


def test_who_quits_is_gone_and_may_come_again():
    state = inside()
    assert told(state, ":alice!a@h QUIT") == ("#ops",)
    assert told(state, ":alice!a@h QUIT") == ()
    assert told(state, ":alice!a@h JOIN #ops", ":ALICE!a@h QUIT :again") == ("#ops",)


def test_our_own_quit_names_our_channels_and_forgets_them():
    state = inside()
    assert told(state, ":bot!u@h QUIT :killed") == ("#ops",)
    assert state.members.rooms == {}


def test_coming_in_again_begins_a_new_list():
    state = inside(":bot!u@h JOIN #ops", ":irc 353 bot = #ops :@bot alice")
    assert state.members.rooms == {"#ops": {"bot", "alice"}}


def test_who_is_in_a_channel_is_known_until_they_leave():
    state = inside(":dave!d@h JOIN #OPS")
    assert state.members.has("#ops", "ALICE")
    assert state.members.has("#ops", "dave")
    assert not state.members.has("#ops", "mallory")
    assert not state.members.has("#Dev[1]", "alice")
    told(
        state, ":alice!a@h NICK alice2", ":x!y@z KICK #ops alice2 :out", ":alice2!a@h NICK alice", ":dave!d@h PART #ops"
    )
    assert not state.members.has("#ops", "alice")
    assert not state.members.has("#ops", "alice2")
    assert not state.members.has("#ops", "dave")


def test_what_others_say_and_do_otherwise_names_no_channels():
    assert told(inside(), ":alice!a@h PRIVMSG #ops :hi") == ()
    assert told(inside(), ":alice!a@h PART #ops :bye") == ()
    assert told(inside(), ":alice!a@h TOPIC #ops :Now") == ()


@pytest.mark.parametrize("prefix", ["PREFIX=", "PREFIX=x", "-PREFIX", "PREFIX=(ov)@+"])
def test_signs_are_taken_off_whatever_the_server_says_of_them(prefix):
    state = State("net", "bot", CHANNELS)
    state.learn(parse(f":irc 005 bot {prefix} :are supported"), 0.0)
    told(state, ":bot!u@h JOIN #ops", ":irc 353 bot = #ops :@bot +alice")
    assert told(state, ":alice!a@h QUIT") == ("#ops",)


def test_a_split_in_a_batch_is_what_happens_now_and_what_is_played_back_moves_nobody():
    state = inside()
    state.learn(parse(":irc BATCH +s netsplit a.example b.example"), 0.0)
    split = parse("@batch=s :alice!a@h QUIT :a.example b.example")
    message = state.message(split, 0.0, CLOCK)
    assert (message.channels, message.replayed) == (("#ops",), False)
    for lines in ((":irc BATCH -s",), (":irc BATCH +s netsplit a b", ":irc BATCH +s chathistory #ops")):
        for line in lines:
            state.learn(parse(line), 0.0)
        old = state.message(parse("@batch=s :bob!a@h QUIT :gone"), 0.0, CLOCK)
        assert (old.channels, old.replayed) == ((), True)
    assert told(state, ":bob!a@h QUIT :gone") == ("#ops",)


def test_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(members, "MOST_IN_ROOM", 3)
    state = inside(":irc 353 bot = #ops :carol dave", ":erin!e@h JOIN #ops")
    assert state.members.rooms == {"#ops": {"bot", "alice", "bob"}}
    assert told(state, ":bob!b@h NICK bert") == ("#ops",)
    assert told(state, ":bert!b@h QUIT") == ("#ops",)


def test_splits_that_never_end_fill_nothing():
    state = State("net", "bot", CHANNELS)
    for number in range(REMEMBERED + 10):
        state.learn(parse(f":irc BATCH +{number} netsplit a b"), 0.0)
    assert len(state.splits) == REMEMBERED
