"""The disk is full while a job runs: nothing is sent without its row, and when there is room again the job goes on."""

import resource
import time

import pytest

from tests.crash.judge import parts_of, unwritten
from tests.crash.pair import DOWN, UP, assert_each_was_done_once

FULL, SLACK = 2.4, 1.0  # seconds without room, and in which what was on its way arrives


@pytest.mark.parametrize("ask", [UP, DOWN], ids=["up", "down"])
@pytest.mark.parametrize("after", [1, 3])
def test_a_full_disk_stops_a_job_and_room_lets_it_go_on(pair, ask, after):
    old = {name: pair.cloud.world.add_droplet(name) for name in ("x", "y")}
    life = pair.begin("bot", [ask])
    steps = "SELECT count(*) AS n FROM steps"
    pair.until(lambda: pair.folder.rows(steps)[0]["n"] >= after)
    resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    full, full_at = time.monotonic(), time.time()
    pair.until(lambda: time.monotonic() > full + FULL)
    written = max(row["at"] for row in pair.folder.rows("SELECT at FROM audit")) / 1000
    running = not pair.over()
    resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    pair.until(pair.over)
    assert running
    assert [row["state"] for row in pair.rows()] == ["done"]
    assert written < full_at + SLACK
    assert [each for each in pair.cloud.watch.seen if each.changes and full + SLACK < each.at < full + FULL] == []
    assert list(unwritten(pair.folder, pair.cloud.watch.seen, parts_of(pair.folder), old)) == []
    assert_each_was_done_once(pair)
