"""Any bytes become lines, any text becomes bytes of one line, and nothing is lost between."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chanops.irc.wire import MOST_LINE, MOST_TAGS, Incoming, Line, decode, line_in, outgoing, parse, room, split

LONGEST = MOST_TAGS + MOST_LINE
MANY = settings(max_examples=300, deadline=None)
# What protocols are made of, so that chance finds the places where they break.
FRAGMENTS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"@", b"=", b";", b"\\", b"!", b"\x01", b"\x10n", b"\xe9", b"\xc3",
    b"\x81", b"PRIVMSG #ops :", b":alice!a@host ", b"@account=alice;time= ", b"001 me", b"005 me PREFIX=",
    b"\xf0\x9f\x98\x80", b"x" * 600, b"y" * 5000,
)  # fmt: skip
NOISE = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=12), max_size=30).map(b"".join)


def read(*chunks):
    """The texts of all lines that come in these chunks."""
    incoming = Incoming()
    return [text for chunk in chunks for text in incoming.feed(chunk)]


def wire(text):
    """A text as it arrives."""
    return text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("PING", Line({}, "", "PING", (), None)),
        ("PING ", Line({}, "", "PING", (), None)),
        ("PING :", Line({}, "", "PING", (), "")),
        ("ping :a b", Line({}, "", "PING", (), "a b")),
        (":irc 001 me :Hi there", Line({}, "irc", "001", ("me",), "Hi there")),
        (":a!b@c PRIVMSG #ops :hi", Line({}, "a!b@c", "PRIVMSG", ("#ops",), "hi")),
        (":a!b@c PRIVMSG #ops hi", Line({}, "a!b@c", "PRIVMSG", ("#ops", "hi"), None)),
        (":a!b@c PRIVMSG #ops :", Line({}, "a!b@c", "PRIVMSG", ("#ops",), "")),
        (":a PRIVMSG #ops", Line({}, "a", "PRIVMSG", ("#ops",), None)),
        (":a PRIVMSG :#ops :hi", Line({}, "a", "PRIVMSG", (), "#ops :hi")),
        (":a PRIVMSG #ops ::) :(", Line({}, "a", "PRIVMSG", ("#ops",), ":) :(")),
        ("  PRIVMSG #ops :hi", None),
        (":a   PRIVMSG   #ops   :  hi ", Line({}, "a", "PRIVMSG", ("#ops",), "  hi ")),
        (":a MODE  #ops   +o  b ", Line({}, "a", "MODE", ("#ops", "+o", "b"), None)),
        (":a MODE #ops +k a:b", Line({}, "a", "MODE", ("#ops", "+k", "a:b"), None)),
        (":a MODE #ops +o b :", Line({}, "a", "MODE", ("#ops", "+o", "b"), "")),
        ("@a=1;b :s NOTICE x :y", Line({"a": "1", "b": ""}, "s", "NOTICE", ("x",), "y")),
        ("@ :s NOTICE x :y", Line({}, "s", "NOTICE", ("x",), "y")),
        ("@a=1   :s   NOTICE x", Line({"a": "1"}, "s", "NOTICE", ("x",), None)),
        (": PING x", Line({}, "", "PING", ("x",), None)),
        ("@a=1", None),
        (":source", None),
        ("", None),
        ("0001 x", None),
        ("PRIVMSG2 x", None),
        ("ПРИВЕТ x", None),
        (":a\x1db PING", Line({}, "a\x1db", "PING", (), None)),
    ],
)
def test_a_text_is_a_line_or_is_none(text, line):
    assert parse(text) == line


@pytest.mark.parametrize("blank", ["\x1d", "\x1f", "\x85", "\xa0", "\u2003", "\u3000", "\t", "\x0b"])
def test_only_the_space_separates(blank):
    line = parse(f":a!b@c PRIVMSG #ops{blank}.destroy :hi")
    assert line.params == (f"#ops{blank}.destroy", "hi")
    assert parse(f":a!b@c JOIN #ops{blank}.destroy").params == (f"#ops{blank}.destroy",)


@pytest.mark.parametrize("said", ["a\x10nb", "a\x10rb", "a\x100b", "\x10\x10", "\x01ACTION a\x10nb\x01"])
def test_a_message_is_not_unquoted_into_several_lines(said):
    assert parse(f":a!b@c PRIVMSG #ops :{said}").trailing == said


@MANY
@given(st.from_regex(r"(@[^ \r\n]* +)?(:[^ \r\n]* +)?PRIVMSG( +[^ \r\n]*)?( +:?[^\r\n]*)?", fullmatch=True))
@example(":a PRIVMSG  #ops  : x : y")
@example("@a :b PRIVMSG ::x :y")
@example("@a  :b PRIVMSG x :y")
@example("@  :b PRIVMSG x :y z")
@example(": PRIVMSG x :y")
@example(":a PRIVMSG x y :z")
@example("@a=b PRIVMSG x :y")
def test_the_short_way_for_what_people_say_leads_to_the_same(text):
    assert parse(text) == line_in(text)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (r"a=\:\s\\\r\n", {"a": "; \\\r\n"}),
        (r"a=x\y", {"a": "xy"}),
        ("a=x\\", {"a": "x"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=;b", {"a": "", "b": ""}),
        (";;=x;a=1;", {"a": "1"}),
        ("account=alice;account=bob", {"account": "alice"}),
        ("account=;account=bob", {"account": ""}),
        ("account;account=bob", {"account": ""}),
        ("+account=alice", {"+account": "alice"}),
        ("vendor.example/account=alice", {"vendor.example/account": "alice"}),
        ("Account=alice", {"Account": "alice"}),
    ],
)
def test_tags_are_read_and_the_first_of_a_name_counts(tags, found):
    assert parse(f"@{tags} :a!b@c PRIVMSG #ops :hi").tags == found


def test_tags_of_the_greatest_length_are_read():
    tags = f"@{'k=' + 'v' * (MOST_TAGS - 4)} "
    assert len(tags) == MOST_TAGS
    body = ":a!b@c PRIVMSG #ops :"
    body += "x" * (MOST_LINE - 2 - len(body))
    (text,) = read(f"{tags}{body}\r\n".encode())
    assert text == tags + body
    assert parse(text).tags == {"k": "v" * (MOST_TAGS - 4)}


@pytest.mark.parametrize(("index", "param"), [(0, "a"), (1, "b"), (2, "c d"), (3, ""), (9, "")])
def test_a_parameter_that_is_missing_is_empty(index, param):
    assert parse("MODE a b :c d").param(index) == param


@pytest.mark.parametrize(("text", "nick"), [(":a!b@c PING", "a"), (":irc.test PING", "irc.test"), ("PING", "")])
def test_a_line_comes_from_a_nick_or_a_server_or_nobody(text, nick):
    assert parse(text).nick == nick


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        (b"\x80 100", "€ 100"),
        (b"\x81\xe9", "\x81é"),
        (b"", ""),
        ("😀".encode()[:3], "ðŸ˜"),
    ],
)
def test_bytes_are_text_in_one_encoding_or_another(raw, text):
    assert decode(raw) == text


@pytest.mark.parametrize(
    ("chunks", "texts"),
    [
        ([b"a\r\nb\nc\r\r\nd"], ["a", "b", "c"]),
        ([b"a", b"b", b"\r", b"\n", b"c\n"], ["ab", "c"]),
        ([b"\r\n\n \r\n\0\r\na\r\n"], ["a"]),
        ([b"a\0b\rc\r\n"], ["a b c"]),
        ([b"caf\xc3", b"\xa9\r\n"], ["café"]),
        ([b"caf\xe9\r\n\xf0\x9f\x98\x80\r\n"], ["café", "😀"]),
        ([b"a\xe2\x80\xa8b\x1cc\x85\r\n"], ["aâ€¨b\x1cc…"]),
        (["a\u2028b\x1cc\x85d\r\n".encode()], ["a\u2028b\x1cc\x85d"]),
        ([], []),
    ],
)
def test_what_arrives_is_cut_into_lines(chunks, texts):
    assert read(*chunks) == texts


@pytest.mark.parametrize("size", [1, 100, 4096, 30000])
def test_a_line_without_end_is_dropped_to_its_end_and_the_next_is_read(size):
    data = b"first\r\n" + b"x" * 20480 + b" :tail of it\r\nnext\r\nrest"
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert read(*chunks, b" of it\r\n") == ["first", "next", "rest of it"]


def test_what_is_kept_of_a_line_without_end_is_bounded():
    incoming = Incoming()
    for _ in range(100):
        assert list(incoming.feed(b"x" * 4096)) == []
        assert len(incoming.rest) <= LONGEST


@MANY
@given(NOISE, st.lists(st.integers(0, 40000), max_size=8))
@example(b"x" * LONGEST + b"\nnext\n", [LONGEST])
@example(b"x" * (LONGEST + 1) + b"\nnext\n", [LONGEST])
@example(b"x" * (LONGEST - 1) + b"\r\n", [LONGEST])
@example(b"x" * 20480 + b"\nnext\n", [9000, 10000])
def test_how_bytes_are_chopped_changes_nothing_and_no_bytes_raise(data, cuts):
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    chunks = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    texts = read(data)
    assert read(*chunks) == texts
    for text in texts:
        assert not set(text) & set("\r\n\0")
        line = parse(text)
        assert line is None or (line.command.isalnum() and line.param(0) == (*line.params, "")[0])


@MANY
@given(st.text() | st.text(st.characters(codec=None)) | st.text("ab\r\n\0\x10n é😀\ud800", max_size=900))
@example("hello\rJOIN #pwned\nQUIT\0")
@example("😀" * 400)
def test_what_goes_out_is_one_line_of_the_length_that_is_allowed(text):
    raw = outgoing(text)
    assert raw.endswith(b"\r\n")
    assert len(raw) <= MOST_LINE
    assert not set(raw[:-2]) & set(b"\r\n\0")
    sent = raw[:-2].decode()
    shown = wire(text).decode().translate({10: " ", 13: " ", 0: " "})
    assert shown.startswith(sent)
    assert sent == shown or len(raw) > MOST_LINE - 4


@MANY
@given(
    st.text(max_size=300) | st.text(st.sampled_from("ab 😀é\u0301\ud83d\ude00\u200d"), max_size=900),
    st.integers(4, 500),
)
@example("x" * 300, 64)
@example(" " * 300, 64)
@example("😀" * 100, 65)
def test_a_text_is_split_into_pieces_which_fit_and_together_are_the_text(text, most):
    pieces = split(text, most)
    assert wire("".join(pieces)) == wire(text)
    assert all(pieces)
    assert all(len(wire(piece)) <= most for piece in pieces)
    assert len(pieces) <= 1 + len(wire(text)) // max(1, most // 2 - 3)


@pytest.mark.parametrize(
    ("text", "most", "pieces"),
    [
        ("", 64, []),
        ("short", 64, ["short"]),
        ("aaaa bbbb cccc", 10, ["aaaa bbbb ", "cccc"]),
        ("aaaa bbbb cccc", 12, ["aaaa bbbb ", "cccc"]),
        ("a bbbbbbbbbbbb", 8, ["a bbbbbb", "bbbbbb"]),
        ("ééé", 4, ["éé", "é"]),
        ("ééé", 5, ["éé", "é"]),
        ("😀😀", 4, ["😀", "😀"]),
    ],
)
def test_a_text_is_split_behind_a_space_that_is_not_too_early(text, most, pieces):
    assert split(text, most) == pieces


def test_even_where_not_one_character_has_room_splitting_ends():
    assert split("😀é", 3) == ["😀", "é"]


@pytest.mark.parametrize("target", ["#ops", "alice", "#" + "é" * 20])
@pytest.mark.parametrize(("user", "host"), [("bot", "host.example"), ("", ""), ("ü", "h")])
def test_the_room_is_what_a_relayed_line_has_left(user, host, target):
    text = "x" * room("chanops", user, host, "PRIVMSG", target)
    relayed = f":chanops!{user}@{host} PRIVMSG {target} :{text}\r\n".encode()
    assert len(relayed) <= MOST_LINE
    assert len(relayed) == MOST_LINE or not user


def test_there_is_some_room_whatever_the_names():
    assert room("n" * 300, "u" * 300, "h" * 300, "PRIVMSG", "#ops") == 64
