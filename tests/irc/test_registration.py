"""Coming online, as dialogues: "<" is what the server says, ">" what we answer to that very line."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.irc.registration import MOST_NICKS, Registration
from chanops.irc.wire import parse

ALL = "account-tag message-tags server-time batch cap-notify echo-message draft/message-redaction"
PLAIN = {"nick": "bot", "user": "bot", "realname": "A bot"}
LOGIN = {**PLAIN, "sasl_user": "bot", "sasl_password": "secret"}
SECRET = base64.b64encode(b"bot\0bot\0secret").decode()


def played(wants, dialogue):
    """A registration that went through a dialogue in which each answer was the one written down."""
    registration = Registration(**wants)
    registration.begin()
    answers = []
    for line in filter(None, (line.strip(" ") for line in dialogue.split("\n"))):
        if line.startswith("<"):
            assert answers == [], "an answer too many"
            answers = registration.hear(parse(line[2:]))
        else:
            assert (answers or ["(nothing)"])[0] == line[2:]
            del answers[0]
    assert answers == [], "an answer too many"
    return registration


def test_cap_goes_before_all_else():
    assert Registration(**PLAIN).begin() == ["CAP LS 302", "NICK bot", "USER bot 0 * :A bot"]
    with_password = Registration(**PLAIN, password="let me in").begin()
    assert with_password == ["CAP LS 302", "PASS :let me in", "NICK bot", "USER bot 0 * :A bot"]


@pytest.mark.parametrize(
    ("dialogue", "caps"),
    [
        pytest.param(
            f"""
            < CAP * LS :away-notify {ALL} sts=port=6697
            > CAP REQ :{ALL}
            < CAP * ACK :{ALL}
            > CAP END
            < 001 bot :Hi
            """,
            ALL,
            id="all are to be had",
        ),
        pytest.param(
            """
            < CAP * LS * :account-tag away-notify
            < CAP * LS * :message-tags
            < CAP * LS :batch
            > CAP REQ :account-tag message-tags batch
            < CAP bot ACK :account-tag message-tags batch
            > CAP END
            < 001 bot :Hi
            """,
            "account-tag message-tags batch",
            id="a list of several lines",
        ),
        pytest.param(
            """
            < CAP * LS :  batch   account-tag \x20
            > CAP REQ :account-tag batch
            < CAP * ACK :account-tag batch \x20
            > CAP END
            < 001 bot :Hi
            """,
            "account-tag batch",
            id="spaces too many",
        ),
        pytest.param(
            """
            < CAP * LS batch
            > CAP REQ :batch
            < CAP * ACK batch
            > CAP END
            < 001 bot :Hi
            """,
            "batch",
            id="no colons",
        ),
        pytest.param("< CAP * LS :\n> CAP END\n< 001 bot :Hi", "", id="an empty list"),
        pytest.param("< CAP * LS\n> CAP END\n< 001 bot :Hi", "", id="no list"),
        pytest.param("< CAP * LS :away-notify sasl=PLAIN\n> CAP END\n< 001 bot :Hi", "", id="nothing we want"),
        pytest.param("< 421 bot CAP :Unknown command\n< 001 bot :Hi", "", id="no CAP at all"),
        pytest.param("< CAP\n< CAP *\n< CAP * LIST :x\n< CAP * ls :\n> CAP END\n< 001 bot :Hi", "", id="odd CAPs"),
        pytest.param(
            """
            < CAP * LS :account-tag message-tags batch
            > CAP REQ :account-tag message-tags batch
            < CAP * NAK :account-tag message-tags batch
            > CAP REQ :account-tag
            < CAP * ACK :account-tag
            > CAP REQ :message-tags
            < CAP * NAK :message-tags
            > CAP REQ :batch
            < CAP * ACK :batch
            > CAP END
            < 001 bot :Hi
            """,
            "account-tag batch",
            id="refused as a list, had one by one",
        ),
        pytest.param(
            """
            < CAP * LS :account-tag message-tags batch
            > CAP REQ :account-tag message-tags batch
            < CAP * NAK :message-tags
            > CAP REQ :account-tag
            < CAP * ACK :account-tag
            > CAP REQ :batch
            < CAP * ACK :batch
            > CAP END
            < 001 bot :Hi
            """,
            "account-tag batch",
            id="only the one refused is named",
        ),
        pytest.param(
            """
            < CAP * LS :account-tag batch
            > CAP REQ :account-tag batch
            < CAP * NAK :
            > CAP REQ :account-tag
            < CAP * NAK :
            > CAP REQ :batch
            < CAP * NAK :
            > CAP END
            < 001 bot :Hi
            """,
            "",
            id="refused without names",
        ),
        pytest.param(
            """
            < CAP * LS :account-tag batch
            > CAP REQ :account-tag batch
            < CAP * NAK :account-tag batch
            > CAP REQ :account-tag
            < CAP * NAK :something-else
            > CAP REQ :batch
            < CAP * ACK :batch
            > CAP END
            < 001 bot :Hi
            """,
            "batch",
            id="refused under another name",
        ),
        pytest.param(
            """
            < CAP * LS :batch
            > CAP REQ :batch
            < CAP * NAK :batch
            > CAP END
            < 001 bot :Hi
            """,
            "",
            id="the only one is refused",
        ),
        pytest.param(
            """
            < CAP * LS :account-tag batch
            > CAP REQ :account-tag batch
            < CAP * NEW :server-time
            < CAP * ACK :account-tag batch
            > CAP END
            < 001 bot :Hi
            """,
            "account-tag batch",
            id="something new in the middle of it",
        ),
        pytest.param(
            """
            < CAP * LS :account-tag batch
            > CAP REQ :account-tag batch
            < CAP * ACK :account-tag batch
            > CAP END
            < 001 bot :Hi
            < CAP bot NEW :server-time away-notify message-tags=x
            > CAP REQ :message-tags server-time
            < CAP bot ACK :message-tags server-time
            < CAP bot DEL :account-tag batch
            < CAP bot NEW :account-tag
            > CAP REQ :account-tag
            < CAP bot ACK :account-tag
            < CAP bot NEW :sasl=PLAIN
            < CAP bot NEW :echo-message
            < CAP bot NEW :draft/message-redaction
            > CAP REQ :draft/message-redaction
            < CAP bot ACK :draft/message-redaction
            """,
            "account-tag message-tags server-time draft/message-redaction",
            id="news later on",
        ),
        pytest.param(
            """
            < CAP * LS :
            > CAP END
            < 001 bot :Hi
            < CAP bot NEW :account-tag batch server-time
            > CAP REQ :account-tag server-time batch
            < CAP bot NAK :account-tag server-time batch
            > CAP REQ :account-tag
            < CAP bot ACK :account-tag
            > CAP REQ :server-time
            < CAP bot NAK :server-time
            > CAP REQ :batch
            < CAP bot ACK :batch
            < CAP bot NEW :server-time
            > CAP REQ :server-time
            < CAP bot ACK :server-time
            """,
            "account-tag batch server-time",
            id="news that are refused as a list",
        ),
        pytest.param(
            """
            < CAP * LS :account-tag batch
            > CAP REQ :account-tag batch
            < CAP * ACK :~account-tag =batch
            > CAP END
            < 001 bot :Hi
            < CAP bot ACK :-account-tag
            """,
            "batch",
            id="old marks before names, and one taken away",
        ),
    ],
)
def test_capabilities_are_asked_for_as_far_as_they_are_offered(dialogue, caps):
    registration = played(PLAIN, dialogue)
    assert (registration.online, registration.failed) == (True, "")
    assert registration.caps == set(caps.split())


@pytest.mark.parametrize(
    "dialogue",
    [
        pytest.param(
            f"""
            < CAP * LS :account-tag sasl=PLAIN,EXTERNAL
            > CAP REQ :account-tag sasl
            < CAP * ACK :account-tag sasl
            > AUTHENTICATE PLAIN
            < AUTHENTICATE +
            > AUTHENTICATE {SECRET}
            < 900 bot bot!bot@host bot :You are now logged in as bot
            < 903 bot :SASL authentication successful
            > CAP END
            < 001 bot :Hi
            """,
            id="as it should be",
        ),
        pytest.param(
            f"""
            < CAP * LS sasl
            > CAP REQ :sasl
            < CAP * ACK :sasl\x20
            > AUTHENTICATE PLAIN
            < AUTHENTICATE :+
            > AUTHENTICATE {SECRET}
            < :irc 903 bot :yes
            > CAP END
            < 001 bot :Hi
            """,
            id="a space behind, a colon before",
        ),
        pytest.param(
            f"""
            < CAP * LS :account-tag batch sasl
            > CAP REQ :account-tag batch sasl
            < CAP * NAK :account-tag batch sasl
            > CAP REQ :account-tag
            < CAP * NAK :account-tag
            > CAP REQ :batch
            < CAP * ACK :batch
            > CAP REQ :sasl
            < CAP * ACK :sasl
            > AUTHENTICATE PLAIN
            < AUTHENTICATE +
            > AUTHENTICATE {SECRET}
            < 903 bot :yes
            > CAP END
            < 001 bot :Hi
            """,
            id="one by one",
        ),
        pytest.param(
            f"""
            < CAP * LS :account-tag sasl
            > CAP REQ :account-tag sasl
            < CAP * NEW :batch
            < CAP * ACK :account-tag sasl
            > AUTHENTICATE PLAIN
            < CAP * NEW :server-time away-notify
            < AUTHENTICATE +
            > AUTHENTICATE {SECRET}
            < CAP * DEL :batch
            < 903 bot :yes
            > CAP END
            < 001 bot :Hi
            """,
            id="news in the middle of it",
        ),
        pytest.param(
            f"""
            < CAP * LS :account-tag sasl
            > CAP REQ :account-tag sasl
            < 433 * bot :Nickname is already in use
            > NICK bot_
            < CAP * ACK :account-tag sasl
            > AUTHENTICATE PLAIN
            < AUTHENTICATE +
            > AUTHENTICATE {SECRET}
            < 903 bot_ :yes
            > CAP END
            < 001 bot_ :Hi
            """,
            id="while the nick is in use",
        ),
    ],
)
def test_a_login_comes_before_the_end_of_the_negotiation(dialogue):
    registration = played(LOGIN, dialogue)
    assert (registration.online, registration.logged_in, registration.failed) == (True, True, "")


def secret_of(lines):
    """What a server makes of AUTHENTICATE lines: chunks of 400 until a shorter one or "+"."""
    chunks = [line.removeprefix("AUTHENTICATE ") for line in lines]
    assert [len(chunk) for chunk in chunks[:-1]] == [400] * (len(chunks) - 1)
    assert len(chunks[-1]) < 400
    return base64.b64decode("".join(chunks).replace("+", "", 1) if chunks[-1] == "+" else "".join(chunks))


@pytest.mark.parametrize(
    ("password", "sizes"),
    [
        ("x", [12]),
        ("x" * (297 - 8), [396]),
        ("x" * (300 - 8), [400, 1]),
        ("x" * (301 - 8), [400, 4]),
        ("x" * (600 - 8), [400, 400, 1]),
        ("é" * 300, [400, 400, 12]),
    ],
)
def test_a_long_secret_goes_in_chunks_and_a_full_last_one_is_followed_by_a_plus(password, sizes):
    registration = Registration(**PLAIN, sasl_user="bot", sasl_password=password)
    lines = registration.hear(parse("AUTHENTICATE +"))
    assert [len(line.removeprefix("AUTHENTICATE ")) for line in lines] == sizes
    assert secret_of(lines) == f"bot\0bot\0{password}".encode()


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=400),
    st.text("aé", min_size=1),
)
def test_any_secret_arrives_with_the_account_as_both_identities(password, account):
    registration = Registration(**PLAIN, sasl_user=account, sasl_password=password)
    lines = registration.hear(parse("AUTHENTICATE +"))
    assert secret_of(lines).split(b"\0") == [account.encode(), account.encode(), password.encode()]
    assert all(len(line) <= 510 for line in lines)


BEGUN = "< CAP * LS :account-tag sasl=PLAIN\n> CAP REQ :account-tag sasl\n"
ASKED = f"{BEGUN}< CAP * ACK :account-tag sasl\n> AUTHENTICATE PLAIN\n"
SENT = f"{ASKED}< AUTHENTICATE +\n> AUTHENTICATE {SECRET}\n"


@pytest.mark.parametrize(
    ("dialogue", "why"),
    [
        (f"{SENT}< 904 bot :SASL authentication failed", "SASL authentication failed"),
        (f"{SENT}< 902 bot :You must use a nick assigned to you", "assigned to you"),
        (f"{SENT}< 905 bot :SASL message too long", "too long"),
        (f"{SENT}< 906 bot :SASL authentication aborted", "aborted"),
        (f"{ASKED}< 908 bot EXTERNAL :are available SASL mechanisms", "mechanisms"),
        (f"{ASKED}< 904 bot", "login as bot failed"),
        (f"{ASKED}< 904", "904"),
        ("< CAP * LS :account-tag", "no login by SASL"),
        ("< CAP * LS :", "no login by SASL"),
        (f"{BEGUN}< CAP * NAK :account-tag sasl\n> CAP REQ :account-tag\n< CAP * ACK :account-tag\n> CAP REQ :sasl\n"
         "< CAP * NAK :sasl", "refused to begin"),
        ("< CAP * LS :sasl\n> CAP REQ :sasl\n< CAP * NAK :sasl", "refused to begin"),
        ("< 421 bot CAP :Unknown command\n< 001 bot :Hi", "no login by SASL"),
        (f"{BEGUN}< 001 bot :Hi", "no login by SASL"),
        (f"{SENT}< 900 bot bot!bot@host bot :You are now logged in\n< 001 bot :Hi", "no login by SASL"),
        (f"{BEGUN}< CAP * ACK :account-tag\n> CAP REQ :sasl\n< CAP * ACK :-sasl", "without the login"),
    ],
)  # fmt: skip
def test_without_the_login_that_is_configured_the_bot_does_not_come_online(dialogue, why):
    registration = played(LOGIN, dialogue)
    assert why in registration.failed
    assert not registration.online
    assert not registration.logged_in


@pytest.mark.parametrize("line", ["904 bot :no", "908 bot X :no", "903 bot :yes", "AUTHENTICATE +", "907 bot :already"])
def test_words_about_logins_that_come_later_mean_nothing(line):
    registration = played(LOGIN, f"{SENT}< 903 bot :yes\n> CAP END\n< 001 bot :Hi\n< {line}")
    assert (registration.online, registration.failed) == (True, "")


def test_a_challenge_that_is_not_the_first_is_not_answered_with_the_secret():
    played(LOGIN, f"{ASKED}< AUTHENTICATE c29tZXRoaW5n\n< AUTHENTICATE")


def test_without_a_login_nothing_is_said_about_one():
    registration = played(PLAIN, "< CAP * LS :sasl\n> CAP END\n< 904 bot :no\n< 001 bot :Hi")
    assert (registration.online, registration.failed) == (True, "")


@pytest.mark.parametrize("number", ["432", "433", "436", "437"])
def test_another_nick_is_tried_and_the_server_has_the_last_word(number):
    refused = f"{number} * bot :no"
    registration = played(
        PLAIN,
        f"""
        < {refused}
        > NICK bot_
        < {refused}
        > NICK bot__
        < {refused}
        > NICK bot___
        < {refused}
        > NICK bot4
        < 001 bot-of-ours :Hi
        """,
    )
    assert (registration.nick, registration.failed) == ("bot-of-ours", "")


def test_nicks_of_no_form_are_given_up():
    registration, nicks = Registration(nick="averylongnick", user="u", realname="r"), []
    registration.begin()
    for _ in range(MOST_NICKS):
        assert not registration.failed
        nicks += registration.hear(parse("432 * x :Erroneous nickname"))
    assert len(set(nicks)) == MOST_NICKS
    assert all(len(nick) <= len("NICK 123456789") for nick in nicks[3:])
    assert registration.hear(parse("432 * x :Erroneous nickname")) == []
    assert "set another nick" in registration.failed


def test_once_online_a_nick_that_is_taken_is_no_concern():
    registration = played(PLAIN, "< CAP * LS :\n> CAP END\n< 001 bot :Hi\n< 433 bot other :in use\n< 437 bot #ops :no")
    assert registration.nick == "bot"


def test_a_welcome_without_a_name_leaves_the_nick_as_it_is():
    assert played(PLAIN, "< 001").nick == "bot"


def test_the_secrets_are_not_shown():
    shown = repr(Registration(**LOGIN | {"sasl_password": "hush", "password": "shh"}))
    assert "hush" not in shown
    assert "shh" not in shown


WORDS = ("CAP", "*", "LS", "NEW", "ACK", "NAK", "DEL", ":", "sasl", "batch", "account-tag", "-sasl", "=batch",
         "001", "433", "421", "903", "904", "AUTHENTICATE", "+", "bot")  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join), max_size=25), st.booleans())
def test_nothing_a_server_says_raises_or_brings_us_online_without_the_login(lines, login):
    registration = Registration(**(LOGIN if login else PLAIN))
    registration.begin()
    for text in lines:
        line = parse(text)
        if line is None:
            continue
        answers = registration.hear(line)
        assert len(answers) <= 1
        assert not registration.online or not login or registration.logged_in
        assert answers != ["CAP END"] or not login or registration.logged_in
        if registration.failed:
            break
