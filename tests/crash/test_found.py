"""What the kills have found, each by itself."""

from chanops.simulator.digitalocean import Fault
from tests.crash.pair import assert_each_was_done_once
from tests.crash.trial import NEW

LAG = 0.5  # less than the grace


def test_asked_twice_while_lists_lag_a_machine_is_made_once(pair):
    pair.cloud.world.faults.add(Fault("lag", "GET", path="/v2/droplets$", times=None, seconds=LAG))
    asking = pair.begin("asks", [["up", "a", NEW], ["up", "a", NEW]], idle=True)
    pair.until(lambda: len(pair.rows()) == 2)
    asking.kill()
    pair.begin("bot")
    pair.until(pair.over)
    assert [row["state"] for row in pair.rows()] == ["done", "failed"]
    assert "there is one of that name by now" in pair.rows()[1]["text"]
    assert_each_was_done_once(pair)


def test_a_list_that_lags_takes_no_address_away(pair):
    lag = Fault("lag", "GET", path="/v2/droplets$", times=None, probability=0.5, seconds=LAG)
    pair.cloud.world.faults.add(lag)

    pair.begin("bot", [["up", "a b c d e f", NEW]])
    pair.until(pair.over)
    addresses = {each.name: each.public for each in pair.cloud.world.droplets.values()}
    texts = {row["name"]: row["text"] for row in pair.folder.rows("SELECT name, text FROM units")}
    assert texts == addresses


def test_what_goes_off_just_before_its_power_is_cut_is_off(pair):
    machine = pair.cloud.world.add_droplet("x")
    # The shutdown ends at once, and shows for longer than the bot waits for it.
    pair.cloud.world.faults.add(Fault("status-lag", seconds=0.9))
    pair.begin("bot", [["down", "x", ""]])
    pair.until(pair.over)
    assert "power_off" in {each.kind for each in pair.changes("bot")}
    assert [row["state"] for row in pair.rows()] == ["done"]
    assert machine not in {each.id for each in pair.cloud.world.droplets.values()}
    assert_each_was_done_once(pair)
