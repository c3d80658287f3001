"""The INI file: found, read, refused in one line that names the line."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.configuration import Configuration, find, read, sections_of
from chanops.core.errors import Problem
from chanops.core.sections import Settings

NETWORK = "[network:net]\nhost = irc.example.net\n"


@pytest.fixture
def written(tmp_path):
    """Writes a configuration as its owner would; its path."""

    def write(text, mode=0o600, name="config.ini"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


def refusal(path):
    """Why a configuration is refused: one line that begins with the file's name."""
    with pytest.raises(Problem) as caught:
        read(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    return told.removeprefix(f"{path}: ")


# What an INI file is


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", {}),
        ("\n\n# only\n; comments\n", {}),
        ("[bot]", {"bot": {}}),
        ("[bot]\nprefix = !", {"bot": {"prefix": "!"}}),
        ("[bot]\nprefix=!\n[web]\nlisten =\n", {"bot": {"prefix": "!"}, "web": {"listen": ""}}),
        ("[bot]\nPrefix = !", {"bot": {"prefix": "!"}}),
        ("[bot]\nprefix = a = b", {"bot": {"prefix": "a = b"}}),
        ("[bot]\nprefix = a:b", {"bot": {"prefix": "a:b"}}),
        ("[bot]\nprefix = %(x)s ${y} %", {"bot": {"prefix": "%(x)s ${y} %"}}),
        ("[bot]\nprefix = # ; no comment", {"bot": {"prefix": "# ; no comment"}}),
        ("[bot]\n  prefix = !\n  workers = 9", {"bot": {"prefix": "!", "workers": "9"}}),
        ("[roles]\nops = alice\n  bob\n\tcarol\n", {"roles": {"ops": "alice\nbob\ncarol"}}),
        ("[network:a b]\n[channel:#ops]\n[#x]\n", {"network:a b": {}, "channel:#ops": {}, "#x": {}}),
        ("[DEFAULT]\nhost = x\n[bot]\n", {"DEFAULT": {"host": "x"}, "bot": {}}),
        ("[bot]\nprefix = a\u2028b\x0bc\x85d\x1ce", {"bot": {"prefix": "a\u2028b\x0bc\x85d\x1ce"}}),
        ("[n]\nchannels = #a\n    #b\n", {"n": {"channels": "#a\n#b"}}),
        ("[n]\nchannels =\n    #a\n    #b, &c\n\n[m]\n", {"n": {"channels": "\n#a\n#b, &c"}, "m": {}}),
        ("[n]\nchannels =\n    #a\n#   #gone\n; nor this\n    #b\n", {"n": {"channels": "\n#a\n#b"}}),
    ],
)
def test_a_text_has_these_sections(text, sections):
    assert sections_of(text) == sections


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prefix = !", "line 1: a key stands before the first [section]"),
        ("# c\n\n  prefix = !\n[bot]", "line 3: a key stands before the first [section]"),
        ("[bot\nprefix = !", "line 1: "),
        ("[]\n", "line 1: "),
        ("[bot] prefix = !", "line 1: "),
        ("[bot]\nprefix", "line 2: neither a [section] nor `key = value`"),
        ("[bot]\n\n# c\nprefix: !", "line 4: neither a [section] nor `key = value`"),
        ("[bot]\n= !", "line 2: neither a [section] nor `key = value`"),
        ("[bot]\nprefix = !\n[web", "line 3: neither a [section] nor `key = value`"),
        ("[bot]\nprefix = !\n[web] and more", "line 3: neither a [section] nor `key = value`"),
        ("[bot]\nprefix = !\n]", "line 3: neither a [section] nor `key = value`"),
        ("[bot]\none\ntwo\nthree", "line 2: neither a [section] nor `key = value`"),
        ("[bot]\n; c\n[web]\n# c\n\n[bot]\n", "line 6: [bot] is there twice: make one of them"),
        ("[bot]\nprefix = !\n# c\nprefix = .", "line 4: [bot] prefix is there twice"),
        ("[bot]\nprefix = !\nPREFIX = .", "line 3: [bot] prefix is there twice"),
        ("[n]\nchannels =\n  #a\n\n  #b", "line 5: neither a [section] nor `key = value`"),
        ("[bot]\nprefix = a\u2028b\x0bc\x85d\nnothing", "line 3: neither a [section] nor `key = value`"),
        ("<html>\n", "line 1: a key stands before the first [section]"),
    ],
)
def test_what_is_no_ini_file_is_refused_with_its_line(text, told, written):
    with pytest.raises(Problem) as caught:
        sections_of(text)
    assert str(caught.value).startswith(told)
    assert refusal(written(text)).startswith(told)


PIECES = st.sampled_from(
    ["[bot]", "[", "]", "=", "\n", "\n ", "#", ";", "prefix", "[a:b]", " ", "\r", "\0", "\x0b", "\u2028", "é"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        found = sections_of(text)
    except Problem as problem:
        found, told = {}, str(problem)
    else:
        told = "line 1: "
    assert re.fullmatch(r"line [1-9][0-9]*: [^\n]*", told)
    assert all(isinstance(value, str) for keys in found.values() for value in keys.values())


# The file


def test_a_file_becomes_settings(written):
    path = written(
        f"{NETWORK}channels =\n    #ops\n    #dev, &x\n\n[channel:#ops]\nfeed = no\n[feed]\ntitle = Ünïcode\n"
    )
    made = read(path)
    assert made.path == path
    assert made.settings.networks["net"].channels == ("#ops", "#dev", "&x")
    assert not made.settings.channel("net", "#ops").feed
    assert made.settings.feed.title == "Ünïcode"


def test_an_empty_file_is_all_defaults(written):
    assert read(written("")).settings == Settings()


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf[bot]\nprefix = !\n", b"[bot]\r\nprefix = !\r\n", b"[bot]\rprefix = !"])
def test_a_file_from_another_system_is_read_as_well(text, written):
    assert read(written(text)).settings.bot.prefix == "!"


@pytest.mark.parametrize("text", [b"\xff\xfe[\0b\0", b"[bot]\nprefix = \xe9\n", b"[bot]\nprefix = \xed\xa0\x80\n"])
def test_a_file_in_another_encoding_is_refused(text, written):
    assert refusal(written(text)) == "it is not UTF-8 text"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[bto]\n", None),
        ("[bot]\nprefx = !\n", "[bot] prefx: there is no such key; did you mean prefix?"),
        ("[bot]\nworkers = many\n", "[bot] workers: "),
        ("[bot]\nworkers = 1\n", "[bot] workers must be from 2 to 256"),
        ("[network:x]\n", "[network:x] host is missing: add `host = …`"),
        ("[web]\nlisten = 8080\n", "[web] listen: must be HOST:PORT"),
        ("[feed]\nitems = 0\n", "[feed] items must be"),
        ("[feed]\ntitle = two\n  lines\n", "[feed] title: must not hold"),
        (f"{NETWORK}channels = ops\n", "[network:net] channels: 'ops' is no channel name"),
        ("[channel:#ops]\n", "[channel:#ops]: no network's channels has it"),
    ],
)
def test_a_mistake_in_a_key_is_told_with_its_section(text, told, written):
    if told is None:
        assert "bto" in read(written(text)).settings.others  # it may be a plugin's
    else:
        assert refusal(written(text)).startswith(told)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o664, 0o666, 0o777])
def test_a_file_that_others_may_touch_is_refused_with_the_mend(mode, written):
    path = written("[bot]\n", mode)
    told = refusal(path)
    assert told == f"others may read the configuration, which may hold secrets: chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_file_that_only_its_owner_may_touch_is_read(mode, written):
    assert read(written("[bot]\n", mode)).settings == Settings()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_somebody_else_is_refused(written):
    path = written("[bot]\n")
    os.chown(path, 12345, -1)
    assert "belongs to another user" in refusal(path)


def test_what_cannot_be_read_is_told(tmp_path):
    assert refusal(tmp_path / "missing.ini") == "No such file or directory"
    assert refusal(tmp_path) == "Is a directory"
    assert refusal(tmp_path / "missing" / "config.ini") == "No such file or directory"
    loop = tmp_path / "loop.ini"
    loop.symlink_to(loop)
    assert refusal(loop) == "Too many levels of symbolic links"


# Secrets that stand elsewhere

SASL = NETWORK + "sasl_user = bot\n"


def password(made):
    return made.settings.networks["net"].sasl_password.get_secret_value()


@pytest.mark.parametrize(
    ("held", "secret"),
    [(b"wonder land", "wonder land"), (b"s\n", "s"), (b"s\r\n", "s"), (b"s\n\n", "s"), (b" s ", " s "), (b"a\nb\n",
     "a\nb"),
     ("é€".encode(), "é€"), (b"100%", "100%")],
)  # fmt: skip
def test_a_secret_is_read_from_a_file_without_its_last_line_end(held, secret, written):
    written(held, name="password")
    assert password(read(written(f"{SASL}sasl_password_file = password\n"))) == secret


def test_a_secret_file_may_stand_anywhere(written, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    written("at home", name="home/password")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir("/")
    for where in ("home/password", "~/password", f"{tmp_path}/home/password", "home/../home/password"):
        assert password(read(written(f"{SASL}sasl_password_file = {where}\n"))) == "at home"


def test_a_secret_file_that_is_missing_is_told(written, tmp_path):
    told = refusal(written(f"{SASL}sasl_password_file = password\n"))
    assert told == f"[network:net] sasl_password_file: {tmp_path}/password: No such file or directory"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_secret_file_that_others_may_read_is_refused(mode, written, tmp_path):
    written("hidden", mode, "password")
    told = refusal(written(f"{SASL}sasl_password_file = password\n"))
    path = tmp_path / "password"
    assert told == f"[network:net] sasl_password_file: {path}: others may read the secret: chmod 600 {path}"


@pytest.mark.parametrize("held", [b"\xff\xfe", b"caf\xe9", b"\x80"])
def test_a_secret_file_that_is_not_utf_8_is_refused_without_telling_it(held, written, tmp_path):
    written(held, name="password")
    told = refusal(written(f"{SASL}sasl_password_file = password\n"))
    assert told == f"[network:net] sasl_password_file: {tmp_path}/password: it is not UTF-8 text"


@pytest.mark.parametrize("where", [".", "~nobody-of-that-name/password", "pass\0word", "x" * 300])
def test_a_secret_file_that_cannot_be_one_is_refused(where, written):
    assert refusal(written(f"{SASL}sasl_password_file = {where}\n")).startswith("[network:net] sasl_password_file: ")


def test_a_secret_is_taken_from_the_environment(written, monkeypatch):
    monkeypatch.setenv("CHANOPS_TEST_PASSWORD", "wonderland")
    made = read(written(f"{SASL}sasl_password_env = CHANOPS_TEST_PASSWORD\n"))
    assert password(made) == "wonderland"
    assert made.reveal("env", "CHANOPS_TEST_PASSWORD") == "wonderland"
    assert "wonderland" not in repr(made)


def test_a_secret_that_the_environment_lacks_is_told(written, monkeypatch):
    monkeypatch.delenv("CHANOPS_TEST_PASSWORD", raising=False)
    told = refusal(written(f"{SASL}sasl_password_env = CHANOPS_TEST_PASSWORD\n"))
    assert told == "[network:net] sasl_password_env: the environment has no CHANOPS_TEST_PASSWORD"


@pytest.mark.parametrize("pair", ["sasl_password = a\nsasl_password_env = HOME",
"sasl_password = a\nsasl_password_file = x",
                                  "sasl_password_file = password\nsasl_password_env = HOME"])  # fmt: skip
def test_a_secret_that_is_given_twice_is_refused(pair, written):
    written("hidden", name="password")
    assert refusal(written(f"{SASL}{pair}\n")).endswith(": give one of them")


def test_only_secrets_can_stand_elsewhere(written):
    assert "there is no such key" in refusal(written("[network:net]\nhost_env = HOME\n"))


# Where it is looked for


def test_the_file_here_comes_first_and_then_that_in_the_home_folder(tmp_path, monkeypatch):
    here, home = tmp_path / "here", tmp_path / "home"
    (home / ".config" / "chanops").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    (home / ".config" / "chanops" / "config.ini").touch()
    assert find(None) == home / ".config" / "chanops" / "config.ini"
    (here / "config.ini").touch()
    assert find(None) == Path("config.ini")
    assert read_path(find(None)) == here / "config.ini"


def read_path(path):
    path.chmod(0o600)
    return read(path).path


def test_a_file_that_is_named_is_taken_whether_it_is_there_or_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.ini").touch()
    monkeypatch.setenv("HOME", "/home/somebody")
    assert find("other.ini") == Path("other.ini")
    assert find("~/other.ini") == Path("/home/somebody/other.ini")


def test_who_has_no_file_is_told_how_to_write_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    if Path("/etc/chanops/config.ini").exists():
        assert find(None) == Path("/etc/chanops/config.ini")
    else:
        with pytest.raises(Problem, match=r"looked for config\.ini, .*umask 077; chanops example-config > config\.ini"):
            find(None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data", "/etc/bot/data"),
        ("./data/", "/etc/bot/data"),
        ("../data", "/etc/data"),
        ("/var/lib/bot", "/var/lib/bot"),
        ("~/data", "/home/somebody/data"),
        ("", "/etc/bot"),
    ],
)
def test_a_relative_path_starts_where_the_file_is(path, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Configuration(Path("/etc/bot/config.ini"), Settings()).beside(path) == Path(expected)


def test_where_the_file_is_does_not_depend_on_where_one_stands(written, tmp_path, monkeypatch):
    written("[bot]\n")
    monkeypatch.chdir(tmp_path)
    made = read(Path("config.ini"))
    monkeypatch.chdir("/")
    assert made.beside("data") == tmp_path / "data"


def test_a_path_in_the_home_of_nobody_is_refused(tmp_path):
    with pytest.raises(Problem, match=r"~nobody-of-that-name/data: .*user"):
        Configuration(tmp_path / "config.ini", Settings()).beside("~nobody-of-that-name/data")
    with pytest.raises(Problem, match=r"~nobody-of-that-name/x: .*user"):
        find("~nobody-of-that-name/x")
