"""The first line that says the process group: found in whatever pieces it comes, and nothing else taken away."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.ssh.ending import LONGEST, Mark, is_marked


@given(st.binary(max_size=50), st.binary(max_size=50), st.lists(st.integers(0, 120)), st.sampled_from([b"\n", b"\r\n"]))
def test_the_line_is_taken_out_in_whatever_pieces_it_comes(before, after, cuts, end):
    mark = Mark()
    whole = before + f"{mark.token} 4711".encode() + end + after
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[begun:over] for begun, over in pairwise(places)]
    assert b"".join([*map(mark.without, pieces), mark.rest()]) == before + after
    assert mark.group == 4711


def test_only_the_first_line_of_it_is_taken():
    mark = Mark()
    line = f"{mark.token} 12\n".encode()
    assert mark.without(line + line) == line
    assert mark.without(f"{mark.token} 13\n".encode()) == f"{mark.token} 13\n".encode()
    assert mark.group == 12


def test_where_it_does_not_come_all_is_given_back():
    mark = Mark()
    assert mark.without(b"x" * LONGEST) == b""
    assert mark.without(b"y") == b"x" * LONGEST + b"y"
    assert (mark.without(b"z"), mark.rest(), mark.ending) == (b"z", b"", "")
    assert (lambda other: (other.without(b"hi"), other.rest()))(Mark()) == (b"", b"hi")


@pytest.mark.parametrize("group", ["0", "1", "-5", "12345678901", "$(id)"])
def test_no_group_is_ended_that_is_none(group):
    mark = Mark()
    mark.without(f"{mark.token} {group}\n".encode())
    assert mark.ending == ""


def test_a_command_says_its_group_and_by_it_is_ended():
    mark = Mark(sudo=True)
    assert mark.before(b"echo hi") == f"echo {mark.token} $$; echo hi".encode()
    mark.without(f"{mark.token} 99\n".encode())
    assert mark.ending.startswith("sudo -n sh -c 'kill -s TERM -- -99; ")
    assert Mark().token != Mark().token


@pytest.mark.parametrize(
    ("version", "marked"),
    [("SSH-2.0-OpenSSH_9.2p1 Debian", True), ("SSH-2.0-dropbear_2022.83", True), ("SSH-2.0-Go", False), ("", False)],
)
def test_servers_that_hand_commands_to_a_shell(version, marked):
    assert is_marked(version) == marked
