"""Files and folders are found, read as a stream, and kept once, whatever is in them."""

import os
import shutil
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.history import History
from chanops.services.line_rows import first_number
from chanops.services.oldlogs.base import Given
from chanops.services.oldlogs.importing import TEXTS, Import, plan
from chanops.services.search import Search
from chanops.services.tables import channels, lines, stamp

LOGS = Path(__file__).parents[2] / "data" / "logs"
SETTINGS = Settings(channels={"#secret": ChannelSettings(private=True), "#silent": ChannelSettings(log=False)})
OPENED = "--- Log opened Thu Nov 21 11:00:00 2024\n"


def told(**more):
    return Given(ZoneInfo(more.pop("zone", "UTC")), **more)


@pytest.fixture
def take(database):
    """Imports what is in files and folders; what became of each."""

    def taken(form, *paths, dry=False, private=False, **more):
        work = Import(database, Search(database), SETTINGS, dry, private)
        return [work.take(each) for each in plan(form, paths, told(**more)).sources]

    return taken


def count(database, **where):
    query = select(func.count()).select_from(lines).join(channels)
    for name, value in where.items():
        query = query.where((channels if name in ("network", "name") else lines).c[name] == value)
    with database.read() as connection:
        return connection.execute(query).scalar()


def written(folder, text, name="libera/#ops.log"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("form", TEXTS)
def test_a_folder_is_kept_and_a_second_time_adds_nothing(database, take, form):
    first = take(form, LOGS / form)
    assert (
        sum(each.added for each in first)
        == sum(each.read for each in first)
        == count(database, network="libera", name="#ops")
    )
    assert [each.added for each in take(form, LOGS / form)] == [0] * len(first)
    assert count(database) == sum(each.read for each in first)


def test_what_is_said_in_private_is_left_out_of_a_folder_and_needs_a_channel_by_itself(tmp_path):
    assert plan("irssi", [LOGS / "irssi"], told()).others == 1
    assert plan("weechat", [LOGS / "weechat"], told(channel="#ops")).others == 1
    with pytest.raises(
        Problem, match=r"alice\.log: its path does not say which channel it is of: name it with --channel"
    ):
        plan("irssi", [LOGS / "irssi/libera/alice.log"], told())


def test_a_path_without_a_network_needs_one(tmp_path):
    path = written(tmp_path, OPENED, "logs/#ops.log")
    with pytest.raises(Problem, match="which network it is of: name it with --network NAME"):
        plan("irssi", [path], told())
    (source,) = plan("irssi", [path], told(network="net")).sources
    assert source.place[:2] == ("net", "#ops")


def test_files_of_two_channels_are_not_made_one(tmp_path):
    paths = [written(tmp_path, OPENED, f"net/{name}.log") for name in ("#a", "#b")]
    with pytest.raises(Problem, match="name the files of one channel"):
        plan("irssi", paths, told(channel="#a"))


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="there is no such file"):
        plan("irssi", [tmp_path / "nothing"], told())


def test_a_file_that_is_named_twice_is_read_once_and_links_in_folders_are_not_followed(tmp_path):
    path = written(tmp_path, OPENED)
    written(tmp_path, OPENED, "elsewhere/net/#x.log")
    (tmp_path / "libera" / "#link.log").symlink_to(tmp_path / "elsewhere/net/#x.log")
    found = plan("irssi", [path, tmp_path / "libera", path], told())
    assert [each.path.name for each in found.sources] == ["#ops.log"]


def test_files_that_overlap_are_one_log(database, take, tmp_path):
    said = [f"12:{at // 4:02} <alice> line {at % 3}\n" for at in range(120)]
    paths = [
        written(tmp_path, OPENED + "".join(said[first:last]), f"{first}-{last}/libera/#ops.log")
        for first, last in ((40, 100), (0, 60), (20, 120), (0, 120))
    ]
    assert sum(each.added for each in take("irssi", *paths)) == 120
    assert [each.added for each in take("irssi", *paths)] == [0, 0, 0, 0]


def test_what_the_bot_heard_is_not_added_again_and_keeps_its_number(database, take, tmp_path):
    history = History(database, Settings, Search(database))
    noon = datetime(2024, 11, 21, 12, tzinfo=UTC)
    heard = [
        Message("libera", "message", "alice", "", "#ops", text, noon.replace(second=second), text)
        for second, text in ((1, "one"), (2, "two"), (3, "two"))
    ]
    numbers = database.wait(lambda connection: history.keep(connection, heard))
    path = written(
        tmp_path, OPENED + "".join(f"12:00 <alice> {each}\n" for each in ("zero", "one", "two", "two", "two"))
    )
    assert [each.added for each in take("irssi", path)] == [2]
    with database.read() as connection:
        found = connection.execute(select(lines.c.id, lines.c.text).order_by(lines.c.at, lines.c.id)).all()
    assert [text for _, text in found] == ["zero", "one", "two", "two", "two"]
    assert set(numbers) < {number for number, _ in found}
    assert all(number >= first_number(noon) for number, _ in found)


def test_the_zone_is_that_of_the_log(database, take, tmp_path):
    take("irssi", written(tmp_path, OPENED + "12:00 <alice> hello\n"), zone="Europe/Berlin")
    assert count(database, at=stamp(datetime(2024, 11, 21, 11, tzinfo=UTC))) == 1


def test_an_hour_that_is_there_twice_is_told(take, tmp_path):
    text = "--- Log opened Sun Oct 27 01:00:00 2024\n02:30 <a> one\n02:10 <a> two\n02:10 <a> three\n"
    (taken,) = take("irssi", written(tmp_path, text), zone="Europe/Berlin")
    assert (taken.added, taken.tally.twice) == (3, 3)


def test_what_is_not_wanted_and_what_cannot_be_is_left_out_and_counted(database, take, tmp_path):
    text = (
        OPENED + "12:00 <alice> [off] psst\n12:00 <alice> hello\n--- Day changed Fri Nov 22 2099\n12:00 <alice> soon\n"
    )
    text += "--- Day changed Thu Nov 22 1973\n12:00 <alice> long ago\n"
    (taken,) = take("irssi", written(tmp_path, text))
    assert (taken.added, taken.unwanted, taken.outside) == (1, 1, 2)
    assert count(database) == 1


def test_a_channel_that_is_not_logged_is_left_out_and_nothing_of_it_is_stored(database, take, tmp_path):
    text = OPENED + "12:00 <alice> hello\n"
    paths = [written(tmp_path, text, f"libera/{name}.log") for name in ("#silent", "#SILENT", "#ops")]
    silent, loud, ops = take("irssi", *paths)
    assert (silent.logged, silent.read, silent.added) == (False, 0, 0)
    assert (loud.logged, ops.logged, ops.added) == (False, True, 1)
    with database.read() as connection:
        assert connection.execute(select(channels.c.name)).scalars().all() == ["#ops"]
    assert count(database) == 1
    assert take("irssi", paths[0], dry=True)[0].added == 0


def test_what_is_off_is_left_out_of_every_kind(database, take, tmp_path):
    kinds = [
        "-!- alice changed the topic of #ops to: [off] psst",
        "-!- alice [a@b] has left #ops [[off] psst]",
        "-!- alice [a@b] has quit [[nolog] psst]",
        "-!- bob was kicked from #ops by alice [[off] psst]",
        " * alice \u200b[off] psst",
        "<alice> \ufeff[off] psst",
        "-alice:#ops- [off] psst",
    ]
    (taken,) = take("irssi", written(tmp_path, OPENED + "".join(f"12:00 {each}\n" for each in kinds)))
    assert (taken.read, taken.unwanted, taken.added, count(database)) == (len(kinds), len(kinds), 0, 0)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (b"r\xe9seau/#ops.log", ("r\u00e9seau", "#ops")),
        (b"libera/#caf\xe9.log", ("libera", "#caf\u00e9")),
        (b"r\xc3\xa9seau/#caf\xe9.log", ("r\u00e9seau", "#caf\u00e9")),
        (b"libera/#\x81.log", ("libera", "#\x81")),
        ("libera/#\u65e5\u672c.log".encode(), ("libera", "#\u65e5\u672c")),
    ],
)
def test_a_name_that_is_not_utf_8_is_read_as_its_lines_are(database, take, tmp_path, name, place):
    path = written(tmp_path, OPENED + "12:00 <alice> hello\n", os.fsdecode(name))
    for each in (tmp_path, path):
        (taken,) = take("irssi", each)
        assert taken.place[:2] == place
    with database.read() as connection:
        assert [tuple(row) for row in connection.execute(select(channels.c.network, channels.c.name))] == [place]
    assert count(database) == 1


def test_a_nick_that_is_longer_than_any_is_not_understood(take, tmp_path):
    (taken,) = take("irssi", written(tmp_path, OPENED + f"12:00 <{'x' * 5000}> hello\n12:00 <alice> hello\n"))
    assert (taken.added, taken.tally.strange) == (1, 1)
    assert "longer than any nick" in taken.tally.samples[0]


def test_only_what_everybody_could_see_is_for_everybody(database, take, tmp_path):
    take("irssi", written(tmp_path, OPENED + "12:00 <alice> hello\n", "libera/#secret.log"))
    take("irssi", written(tmp_path, OPENED + "12:00 <alice> hello\n", "libera/#inside.log"), private=True)
    take("irssi", written(tmp_path, OPENED + "12:00 <alice> hello\n"))
    assert [count(database, name=name, public=True) for name in ("#secret", "#inside", "#ops")] == [0, 0, 1]


def test_a_dry_run_says_the_same_and_keeps_nothing(database, take):
    before = count(database)
    (dry,) = take("irssi", LOGS / "irssi", dry=True)
    assert count(database) == before == 0
    with database.read() as connection:
        assert connection.execute(select(channels)).all() == []
    (real,) = take("irssi", LOGS / "irssi")
    assert dry.added == real.added == 18
    assert take("irssi", LOGS / "irssi", dry=True)[0].added == 0


@pytest.mark.parametrize("form", TEXTS)
def test_a_file_that_is_cut_off_anywhere_is_read_as_far_as_it_goes(database, take, tmp_path, form):
    shutil.copytree(LOGS / form, tmp_path / form)
    for source in plan(form, [tmp_path / form], told()).sources:
        whole = source.path.read_bytes()
        for length in range(0, len(whole), 61):
            source.path.write_bytes(whole[:length])
            again = plan(form, [source.path], told()).sources[0]
            assert len(list(again.read())) <= len(whole.splitlines())
            assert again.tally.strange <= 1


def test_hostile_bytes_do_no_harm(database, take, tmp_path):
    said = [
        b"nul \0 and \x01 and \x7f",
        b"caf\xe9",
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"'; DROP TABLE lines; --",
        b"x" * 1_000_000,
    ]
    text = b"\xef\xbb\xbf" + OPENED.encode() + b"".join(b"12:00 <alice> " + each + b"\r\n" for each in said)
    path = written(tmp_path, text + b"12:00 <\xff\xfe> nick\n12:01 <alice> half a li")
    (taken,) = take("irssi", path)
    assert (taken.added, taken.tally.strange, taken.tally.recoded) == (7, 1, 3)
    with database.read() as connection:
        found = connection.execute(select(lines.c.text).order_by(lines.c.at, lines.c.id)).scalars().all()
    assert found[:3] == ["nul  and \x01 and \x7f", "caf\u00e9", "\U0001f600"]
    assert found[-1] == "half a li"
    assert take("irssi", path)[0].added == 0


def test_an_import_that_is_interrupted_goes_on(database, take, tmp_path):
    path = written(tmp_path, OPENED + "".join(f"12:{at % 60:02} <alice> {at}\n" for at in range(9000)))

    def interrupts(size, lines):
        if lines > 3000:
            raise KeyboardInterrupt

    work = Import(database, Search(database), SETTINGS, tell=interrupts)
    with pytest.raises(KeyboardInterrupt):
        work.take(plan("irssi", [path], told()).sources[0])
    there = count(database)
    assert 3000 < there < 9000
    assert [each.added for each in take("irssi", path)] == [9000 - there]
    assert count(database) == 9000


def test_how_far_it_is_grows_up_to_the_whole(database, tmp_path):
    paths = [written(tmp_path, OPENED + "12:00 <alice> hello\n" * 5000, f"libera/#{name}.log") for name in "ab"]
    found, told_of = plan("irssi", paths, told()), []
    work = Import(database, Search(database), SETTINGS, tell=lambda size, lines: told_of.append((size, lines)))
    for source in found.sources:
        work.take(source)
    assert told_of == sorted(told_of)
    assert told_of[-1] == (found.size, 10002)


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = written(tmp_path, OPENED + "".join(f"12:{at % 60:02} <alice> line {at} of many\n" for at in range(60_000)))
    (source,) = plan("irssi", [path], told()).sources
    tracemalloc.start()
    try:
        assert sum(1 for _ in source.read()) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


TIMES = [b"12:00 ", b"[12:00:01] ", b"2024-11-21 12:00:00\t", b"--- Day changed Fri Nov 22 2024", b"Session Start: "]
PARTS = [
    b"<alice> ",
    b"-!- ",
    b"*** ",
    b"* ",
    b"Joins: ",
    b"\t",
    b"\n",
    b"\r\n",
    b" has quit [",
    b"\0",
    b"\xff",
    b"alice",
    b"[",
]
parts = st.sampled_from([*TIMES, *PARTS])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(parts, st.binary(max_size=12)), max_size=60), st.sampled_from(sorted(TEXTS)))
def test_whatever_a_file_holds_it_is_read_and_a_second_time_adds_nothing(take, tmp_path, pieces, form):
    suffix = TEXTS[form].SUFFIXES[0]
    path = written(tmp_path, OPENED.encode() + b"".join(pieces), f"libera/#ops-20241121{suffix}")
    (first,) = take(form, path)
    assert first.added <= first.read <= first.tally.lines
    assert take(form, path)[0].added == 0
