"""chanops token: what it prints, what it refuses, and that a bot which runs knows of it at once."""

import re

import pytest

from chanops.cli import main
from chanops.services.access import Access
from chanops.services.database import Database
from chanops.testing import DATABASE, private_copy

CONFIGURATION = """\
[network:libera]
host = irc.example.net
channels = #ops #Cabal
[network:oftc]
host = irc.example.org
channels = #ops
[channel:#Cabal]
private = yes
[web]
url = https://ops.example/bot
"""


@pytest.fixture
def config(tmp_path, empty_database, database_url):
    private_copy(empty_database, tmp_path / "data")
    path = tmp_path / "config.ini"
    path.touch(mode=0o600)
    path.write_text(CONFIGURATION + (f"[database]\nurl = {database_url}\n" if database_url else ""))
    return path


@pytest.fixture
def token(config, capsys):
    """What the command prints, and how it ended."""

    def run(*words):
        code = main(["--config", str(config), "token", *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def access(config, database_url):
    """As a bot that runs has it."""
    database = Database(config.parent / "data" / DATABASE, database_url)
    database.start()
    yield Access(database)
    database.stop()


def test_new_tokens_are_printed_once_with_where_they_are_used_and_are_good_at_once(token, access):
    code, out, _ = token("add", "carol", "--channel", "libera/#ops", "--channel", "#cabal")
    assert code == 0
    page = re.search(r"page token +(\S+)", out)[1]
    feed = re.search(r"feed token +(\S+)", out)[1]
    assert access.viewer_by_page(page).channels == {"libera/#ops", "libera/#Cabal"}
    assert access.viewer_by_feed(feed).name == "carol"
    assert "https://ops.example/bot/enter\n" in out
    assert f"https://ops.example/bot/feed.rss?token={feed}\n" in out
    assert f"https://ops.example/bot/feeds.opml?token={feed}\n" in out
    assert "For carol, who may read libera/#ops, libera/#Cabal." in out
    assert out.count(page) == 1
    code, out, _ = token("list")
    assert code == 0
    assert re.fullmatch(r"carol: libera/#Cabal, libera/#ops; since \d{4}-\d\d-\d\d\n", out)


def test_without_channels_they_are_good_for_all(token, access):
    _, out, _ = token("add", "carol")
    assert "may read all channels" in out
    assert access.viewer_by_page(re.search(r"page token +(\S+)", out)[1]).every


def test_what_is_taken_back_is_so_at_once_for_a_bot_that_runs(token, access):
    page = re.search(r"page token +(\S+)", token("add", "carol")[1])[1]
    assert access.viewer_by_page(page) is not None
    code, out, _ = token("revoke", "carol")
    assert (code, out) == (0, "carol reads no more than everybody, from now on\n")
    assert access.viewer_by_page(page) is None
    assert re.search(r"^carol: all channels; since \S+, revoked \S+$", token("list")[1], re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["add", "carol", "--channel", "#nowhere"], "no network's channels has #nowhere"),
        (["add", "carol", "--channel", "#cabel"], "did you mean #Cabal?"),
        (["add", "carol", "--channel", "other/#ops"], "no network's channels has other/#ops"),
        (["add", "carol", "--channel", "#ops"], "#ops is on several networks: say which, such as libera/#ops"),
        (["add", "carol", "--channel", ""], "no network's channels has"),
        (["add", ""], "a name has 1 to 100 characters"),
        (["add", "dave"], "dave has tokens already"),
        (["revoke", "nobody"], "nobody has no tokens"),
        (["revoke", "daev"], "did you mean dave?"),
        ([], "say what: chanops token add NAME"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words, problem, token):
    assert token("add", "dave")[0] == 0
    code, out, err = token(*words)
    assert (code, out) == (2, "")
    assert problem in err
    assert err.startswith("chanops: ")
    assert err.count("\n") == 1
    assert token("list")[1].count("\n") == 1


def test_where_nobody_has_tokens_it_says_how_to_give_some(token):
    assert token("list") == (0, "nobody has tokens: chanops token add NAME gives some\n", "")
