"""Files and folders that nobody else may read."""

import os
import stat
import threading

import pytest

from chanops.core.errors import Problem
from chanops.services.files import alone_in, private, private_folder

DEADLINE = 10


@pytest.mark.parametrize("mode", range(0o100))
def test_a_file_is_private_if_group_and_others_may_do_nothing(mode, tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o600 | mode)
    if mode:
        with pytest.raises(Problem, match=f"^{path}: others may read the secret: chmod 600 {path}$"):
            private(path, "the secret")
    else:
        private(path, "the secret")


@pytest.mark.parametrize("mode", [0o400, 0o500, 0o600, 0o700])
def test_what_the_owner_may_do_does_not_matter(mode, tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    private(path, "the secret")


def test_a_link_is_as_private_as_what_it_leads_to(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.touch(mode=0o600)
    link.symlink_to(path)
    private(link, "the secret")
    path.chmod(0o644)
    with pytest.raises(Problem, match="others may read"):
        private(link, "the secret")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_what_belongs_to_somebody_else_is_refused(tmp_path):
    path, folder = tmp_path / "file", tmp_path / "folder"
    path.touch(mode=0o600)
    folder.mkdir(mode=0o700)
    for each in (path, folder):
        os.chown(each, 12345, -1)
        with pytest.raises(Problem, match="belongs to another user: chown it"):
            private(each, "the secret")
    with pytest.raises(Problem, match="belongs to another user"):
        private_folder(folder, "the data folder")


def test_a_folder_is_made_with_its_parents_and_for_us_alone(tmp_path):
    before = os.umask(0)
    try:
        private_folder(tmp_path / "a" / "b" / "c", "the data folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a" / "b" / "c").stat().st_mode) == 0o700


def test_a_folder_that_others_may_look_into_is_told_how_to_close(tmp_path):
    tmp_path.chmod(0o750)
    with pytest.raises(Problem, match=f"chmod 700 {tmp_path}"):
        private_folder(tmp_path, "the data folder")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_a_file_in_the_folders_place_is_told(tmp_path):
    (tmp_path / "file").touch(mode=0o600)
    with pytest.raises(Problem, match=f"^cannot make the data folder {tmp_path}/file: File exists$"):
        private_folder(tmp_path / "file", "the data folder")


def test_only_one_at_a_time_is_alone_in_a_folder(tmp_path):
    entered = threading.Event()

    def enter():
        with alone_in(tmp_path):
            entered.set()

    other = threading.Thread(target=enter)
    with alone_in(tmp_path):
        other.start()
        assert not entered.wait(0.1)
    assert entered.wait(DEADLINE)
    other.join(DEADLINE)
