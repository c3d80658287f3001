"""The path of a log says where it belongs."""

from datetime import date
from pathlib import Path

import pytest

from chanops.services.oldlogs import mirc, own, pmxbot
from chanops.services.oldlogs.importing import FORMATS, TEXTS
from chanops.services.oldlogs.places import is_channel

DAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("form", "path", "known"),
    [
        ("irssi", "/home/a/irclogs/libera/#ops.log", ("libera", "#ops", None)),
        ("irssi", "/home/a/irclogs/libera/##ops.log", ("libera", "##ops", None)),
        ("irssi", "/home/a/irclogs/#ops.log", ("", "#ops", None)),
        ("irssi", "/home/a/irclogs/libera/#ops-20261121.log", ("libera", "#ops", DAY)),
        ("irssi", "/home/a/irclogs/libera/#ops/2026-11-21.log", ("libera", "#ops", DAY)),
        ("irssi", "/home/a/irclogs/libera/#c64.log", ("libera", "#c64", None)),
        ("irssi", "/home/a/irclogs/libera/#r-2026.log", ("libera", "#r-2026", None)),
        ("irssi", "/home/a/irclogs/libera/alice.log", ("libera", "", None)),
        ("weechat", "irc.libera.#ops.weechatlog", ("libera", "#ops", None)),
        ("weechat", "irc.irc.example.net.#a.b.weechatlog", ("irc.example.net", "#a.b", None)),
        ("weechat", "irc.libera.##ops.weechatlog", ("libera", "##ops", None)),
        ("weechat", "irc.libera.alice.weechatlog", ("", "", None)),
        ("weechat", "irc.server.libera.weechatlog", ("", "", None)),
        ("weechat", "core.weechat.weechatlog", ("", "", None)),
        ("weechat", "/w/libera/#ops.weechatlog", ("libera", "#ops", None)),
        ("znc", "/znc/users/al/moddata/log/libera/#ops/2026-11-21.log", ("libera", "#ops", DAY)),
        ("znc", "/znc/users/al/networks/libera/moddata/log/#ops/2026-11-21.log", ("libera", "#ops", DAY)),
        ("znc", "/znc/moddata/log/al/libera/#ops/2026-11-21.log", ("libera", "#ops", DAY)),
        ("znc", "/znc/users/al/moddata/log/libera_#ops_20261121.log", ("libera", "#ops", DAY)),
        ("znc", "/znc/moddata/log/al_libera_#ops_x_20261121.log", ("libera", "#ops_x", DAY)),
        ("znc", "/znc/users/al/networks/libera/moddata/log/#ops_20261121.log", ("libera", "#ops", DAY)),
        ("znc", "/znc/users/al/moddata/log/#ops_20261121.log", ("", "#ops", DAY)),
        ("znc", "/znc/users/al/moddata/log/libera/status/2026-11-21.log", ("", "", DAY)),
        ("energymech", "/e/libera/#ops-20261121.log", ("libera", "#ops", DAY)),
        ("energymech", "/e/libera/#ops/20261121.log", ("libera", "#ops", DAY)),
        ("energymech", "/e/libera/#ops-1121.log", ("libera", "#ops", DAY)),
        ("mirc", "/m/logs/#ops.libera.log", ("libera", "#ops", None)),
        ("mirc", "/m/logs/#ops.log", ("", "#ops", None)),
        ("mirc", "/m/logs/libera/#ops.log", ("libera", "#ops", None)),
        ("mirc", "/m/logs/#ops.libera.20261121.log", ("libera", "#ops", DAY)),
        ("mirc", "/m/logs/#ops.20261121.log", ("", "#ops", DAY)),
    ],
)
def test_the_usual_layouts(form, path, known):
    assert tuple(TEXTS[form].place(Path(path), 2026)) == known


def test_a_date_that_is_none_is_a_part_of_the_name():
    assert mirc.place(Path("/m/libera/#ops-20261399.log"), 0).channel == "#ops-20261399"


@pytest.mark.parametrize("name", ["#ops", "##x", "&local", "+modeless", "!ABCDEx", "#\u00e9"])
def test_channels(name):
    assert is_channel(name)


@pytest.mark.parametrize("name", ["", "#", "alice", "# x", "#a,b", "#a\0", "#a\x07", "#a\nb"])
def test_no_channels(name):
    assert not is_channel(name)


def test_every_format_is_there():
    assert list(FORMATS) == ["irssi", "weechat", "znc", "energymech", "mirc", "pmxbot", "chanops"]
    assert FORMATS["pmxbot"] is pmxbot
    assert FORMATS["chanops"] is own
