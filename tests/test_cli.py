"""The command line."""

import pytest

from chanops.cli import main
from chanops.version import VERSION

GOOD = "[network:test]\nhost = irc.example.net\nchannels = #ops\n[roles]\nadmin = alice\n[web]\nlisten = 127.0.0.1:0\n"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.ini"
    path.touch(mode=0o600)
    path.write_text(GOOD)
    tmp_path.chmod(0o700)
    return path


def test_check_says_what_it_found(config, capsys):
    assert main(["check"]) == 0
    assert "good; 1 networks, 7 plugins, 41 commands" in capsys.readouterr().out


def test_without_a_configuration_it_says_how_to_write_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["check"]) == 2
    assert "chanops example-config > config.ini" in capsys.readouterr().err


def test_a_problem_is_one_line_and_exit_2(config, capsys):
    config.write_text(GOOD + "[webb]\n")
    assert main(["check"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean [web]?" in error


def test_run_without_a_network_says_what_is_missing(config, capsys):
    config.write_text("[bot]\n")
    assert main([]) == 2
    assert "add a [network:NAME] section" in capsys.readouterr().err


def test_the_example_is_printed_and_can_be_used(config, capsys):
    assert main(["example-config"]) == 0
    config.write_text(capsys.readouterr().out)
    assert main(["check"]) == 0


def test_the_example_has_the_sections_of_plugins_too(config, capsys, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    (folder / "weather.py").write_text(
        "from chanops import Secret, command, settings\n"
        "@settings('weather')\n"
        "class Weather:\n"
        "    'Where the weather is.'\n"
        "    city: str = 'Berlin'\n"
        "    'The city.'\n"
        "    key: Secret = Secret('hush')\n"
        "    'The key.'\n"
        "@command('weather')\n"
        "def weather(*, settings: Weather) -> str:\n"
        "    'The weather.'\n"
        "    return f'it rains in {settings.city}'\n"
    )
    config.write_text(GOOD + "[bot]\nplugins = mine\n[weather]\ncity = Oslo\n")
    assert main(["--config", str(config), "example-config"]) == 0
    out = capsys.readouterr().out
    assert "# Where the weather is.\n[weather]\n# The city.\ncity = Berlin\n" in out
    assert "hush" not in out
    assert main(["say", ".weather"]) == 0
    assert capsys.readouterr().out == "it rains in Oslo\n"
    config.write_text(GOOD + "[bot]\nplugins = mine\n[weather]\ncitty = Oslo\n")
    assert main(["check"]) == 2
    assert "[weather] citty: there is no such key; did you mean city?" in capsys.readouterr().err


def test_say_runs_one_line_as_somebody(config, capsys):
    assert main(["say", ".whoami", "--as", "bob"]) == 0
    assert capsys.readouterr().out == "bob: account bob on test; roles: none\n"
    assert main(["say", ".whoami", "--as", "bob", "--account", ""]) == 0
    assert "log in to services" in capsys.readouterr().out
    assert main(["say", "hello"]) == 0
    assert capsys.readouterr().out == "(the bot has nothing to say to that)\n"


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"chanops {VERSION}\n"


@pytest.mark.parametrize("typed", [["nonsense"], ["say"], ["--config"]])
def test_what_cannot_be_typed_is_exit_2(typed, capsys):
    with pytest.raises(SystemExit) as ended:
        main(typed)
    assert ended.value.code == 2
