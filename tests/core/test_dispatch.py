"""What a line means: who may ask for what, where, and what is answered to whom."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.access import Roles
from chanops.core.book import Book, Command, Plugin
from chanops.core.dispatch import Answer, Call, Rules, asked
from chanops.core.message import Message
from chanops.core.signature import signature_of
from chanops.core.words import Rest, Targets


def explain(name: str = ""):
    """Explain."""


def destroy(names: Targets, why: Rest = "", *, said: Message):
    """Destroy machines."""


def echo(text: Rest):
    """Say it again."""


def made(function, *names, role=""):
    return Command("p", names, function, signature_of(function), function.__doc__, role)


EXPLAIN, DESTROY, ECHO = made(explain, "help", "commands"), made(destroy, "destroy", role="ops"), made(echo, "echo")
BOOK = Book.of([Plugin("p", "p.py", commands=(EXPLAIN, DESTROY, ECHO))])
ROLES = Roles.of({"ops": ("alice",)}, ("libera",))


def line(text, account="alice", channel="#ops", **others):
    return Message(
        "libera", others.pop("event", "message"), "al", account, channel, text, raw=others.pop("raw", text), **others
    )


def answer(text, rules=None, **others):
    """What is done or said about a line: "call" and the name, the answer, or None."""
    found = asked(line(text, **others), BOOK, ROLES, rules or Rules())
    return f"call {found.command.name}" if isinstance(found, Call) else found and found.text


MATRIX = list(
    product(
        ["message", "action", "notice", "join", "topic", "time"],
        [".", "!", ""],
        [False, True],
        [False, True],
        ["help", "destroy web1"],
        ["alice", "bob", ""],
        ["#ops", ""],
    )
)


@pytest.mark.parametrize(("event", "prefix", "replayed", "bot", "typed", "account", "channel"), MATRIX)
def test_a_command_runs_only_as_a_live_message_by_a_person_with_the_role(
    event, prefix, replayed, bot, typed, account, channel
):
    found = answer(f"{prefix}{typed}", event=event, replayed=replayed, bot=bot, account=account, channel=channel)
    if event != "message" or prefix != "." or replayed or bot:
        assert found is None
    elif typed == "help":
        assert found == "call help"
    elif account == "alice" and channel:
        assert found == "call destroy"
    elif account == "alice":
        assert found == ".destroy: this is done in a channel, where the others see it"
    elif account:
        assert found.startswith(".destroy: this needs the role ops, which the account bob does not have")
    else:
        assert found.startswith(".destroy: this needs the role ops, and you are not logged in")


def test_a_call_has_all_that_running_it_takes():
    said = line(".destroy web1,web2 too old")
    call = asked(said, BOOK, ROLES, Rules())
    assert (call.plugin, call.function, call.command, call.moment) == ("p", destroy, DESTROY, (said,))
    assert call.said is said
    assert str(call.options["names"]) == "web1,web2"
    assert call.options["why"] == "too old"
    assert call.args == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (".help", "call help"),
        (".HELP", "call help"),
        (".Help url", "call help"),
        (".commands", "call help"),
        (".help   ", "call help"),
        ("help", None),
        (" .help", None),
        ("see .help", None),
        (". help", None),
        ("..help", None),
        ("...", None),
        (".", None),
        ("", None),
        (".5 of them", None),
        (".!help", None),
        (".\u212aelp", None),
        (".-help", None),
        (".hepl", "no .hepl; did you mean .help?"),
        (".HEPL", "no .HEPL; did you mean .help?"),
        (".help!", "no .help!; did you mean .help?"),
        (".help,", "no .help,; did you mean .help?"),
        (".help\u00a0url", "no .help\u00a0url; did you mean .help?"),
        (".help\turl", "no .help\\u0009url; did you mean .help?"),
        (".hel\u202ep", "no .hel\\u202ep; did you mean .help?"),
        (".help.example.org", "no .help.example.org; did you mean .help?"),
        (".weather", None),
        (".gitignore is missing", None),
    ],
)
def test_only_a_name_right_behind_the_prefix_is_a_command(text, found):
    assert answer(text) == found


def test_a_letter_that_only_unicode_takes_for_a_k_names_no_command():
    book = Book.of([Plugin("p", "p.py", commands=(made(explain, "links"),))])
    assert isinstance(asked(line(".links"), book, ROLES, Rules()), Call)
    assert asked(line(".lin\u212as"), book, ROLES, Rules()).text == "no .lin\u212as; did you mean .links?"


@pytest.mark.parametrize("text", [".weather", ".xyzzy now", ".q!"])
def test_an_unknown_command_is_answered_in_private_only_since_other_bots_may_share_the_prefix(text):
    assert answer(text) is None
    assert answer(text, channel="") == f"no {text.split()[0]}; .help lists what there is"


def test_a_very_long_unknown_command_is_answered_briefly():
    assert len(answer("." + "x" * 5000, channel="")) < 120


@pytest.mark.parametrize("prefix", [".", "!", "bot:", "chanops,", "\\", "(", "*"])
def test_the_prefix_is_taken_as_it_stands(prefix):
    rules = Rules(prefix)
    assert answer(f"{prefix}help", rules) == "call help"
    assert answer(f"{prefix}hepl", rules) == f"no {prefix}hepl; did you mean {prefix}help?"
    assert answer("xhelp", rules) is None
    assert answer("help", rules) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (".help a b", "'b' is one word too many. Usage: .help [name=…]"),
        (".echo", "text is missing. Usage: .echo TEXT…"),
        (".echo   ", "text is missing. Usage: .echo TEXT…"),
        (".destroy", "names is missing. Usage: .destroy NAMES [WHY…]"),
        (
            ".destroy $(id)",
            "names must be names, globs or tags, separated by commas: web1,db-*,tag:scraper, not '$(id)'."
            " Usage: .destroy NAMES [WHY…]",
        ),
        (".help 'a", "the quote ' in 'a is not closed: type another '. Usage: .help [name=…]"),
    ],
)
def test_wrong_words_are_answered_with_what_is_wrong_and_the_usage(text, found):
    assert answer(text) == found


@pytest.mark.parametrize(
    ("text", "rest"), [(".echo a  b", "a  b"), (".echo  a=b ", "a=b"), (".echo 'a", "'a"), (".echo don't", "don't")]
)
def test_the_words_behind_the_name_are_handed_on(text, rest):
    assert asked(line(text), BOOK, ROLES, Rules()).options == {"text": rest}


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        (".destroy web1", "\x02.destroy web1"),
        (".destroy web1", ".destroy \x0304web1"),
        (".destroy web1", ".destroy web1\x0f"),
        (".destroy web1 \u200b", None),
        (".destroy web1 \u202e1bew", None),
        (".destroy web1 \x07", None),
        (".destroy web1 \t", None),
        (".destroy web1 \u3164", None),
        (".destroy web1 \U000e0041", None),
    ],
)
def test_formatting_and_what_nobody_sees_is_refused_in_a_privileged_command(text, raw):
    raw = raw or text
    assert answer(text, raw=raw) == ".destroy: the line has formatting or characters that nobody sees: type it plainly"
    assert "needs the role" in answer(text, raw=raw, account="bob")
    assert answer(text.replace("destroy", "echo"), raw=raw) == "call echo"


@pytest.mark.parametrize(
    ("allowed", "text", "found"),
    [
        (None, ".help", "call help"),
        (frozenset({"help"}), ".help", "call help"),
        (frozenset({"help"}), ".commands", "call help"),
        (frozenset({"commands"}), ".help", "call help"),
        (frozenset({"echo"}), ".help", ".help is not for this channel"),
        (frozenset({"echo"}), ".commands", ".help is not for this channel"),
        (frozenset({"help"}), ".destroy web1", ".destroy is not for this channel"),
        (frozenset(), ".echo x", ".echo is not for this channel"),
        (frozenset({"echo"}), ".weather", None),
    ],
)
def test_a_channel_may_have_some_commands_only(allowed, text, found):
    assert answer(text, Rules(".", allowed)) == found


@given(st.text() | st.text(".help destroyecho'\"=\\ "), st.booleans(), st.sampled_from(["alice", ""]))
@settings(max_examples=500, deadline=None)
def test_no_text_makes_the_reading_of_a_line_fail(text, prefixed, account):
    found = asked(line(f".{text}" if prefixed else text, account), BOOK, ROLES, Rules())
    assert found is None or isinstance(found, Call | Answer)
    if isinstance(found, Call) and found.command is DESTROY:
        assert account == "alice"


@given(st.text(), st.text(), st.text(), st.sampled_from(["alice", "bob", ""]), st.sampled_from(["#ops", ""]))
@settings(max_examples=300, deadline=None)
def test_nobody_gets_further_by_a_nick_a_user_or_a_host(nick, user, host, account, channel):
    plain = asked(line(".destroy web1", account, channel), BOOK, ROLES, Rules())
    other = asked(
        line(".destroy web1", account, channel)._replace(nick=nick, user=user, host=host), BOOK, ROLES, Rules()
    )
    assert isinstance(other, Call) == isinstance(plain, Call) == (account == "alice" and channel != "")
