"""Bots that share a database, and their cloud: for tests of what two do to each other."""

import signal
import sqlite3
import time
from pathlib import Path

from chanops.simulator.digitalocean import Delays
from tests.crash.child import Spec
from tests.crash.cloud import WatchedCloud
from tests.crash.trial import NEW, Folder

LEASE = [0.06, 0.3, 0.9]  # the bot's own, made shorter
DELAYS = Delays(0.1, 0.1, 0.05, 0.05, snapshot=0.1, snapshot_per_gb=0.01, destroy=0.05, status_lag=0.02)


UP, DOWN = ["up", "a b", NEW], ["down", "x y", ""]


class Pair:
    """Bots on one database, and their cloud."""

    def __init__(self, nursery, template):
        self.cloud = WatchedCloud(DELAYS, 1)
        self.cloud.start()
        self.folder = Folder(template, self.cloud.url)
        self.nursery, self.lives = nursery, []

    def begin(self, agent, ask=(), **more):
        spec = Spec(str(self.folder.config), str(self.folder.events), agent, list(ask), **{"lease": LEASE, **more})
        self.lives.append(self.nursery.begin(spec))
        return self.lives[-1]

    def until(self, what, seconds=40.0):
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, f"{self.rows()}\n{self.folder.told()[-8:]}\n{self.folder.log()[-3000:]}"
            time.sleep(0.005)
        return found

    def told(self, kind, agent):
        return self.folder.told(kind, agent)

    def rows(self):
        return self.folder.rows("SELECT id, state, owner, fence, text FROM jobs")

    def over(self):
        """Whether there are jobs, and all are over."""
        found = self.rows()
        return bool(found) and all(row["state"] not in ("waiting", "running") for row in found)

    def changes(self, agent, since=0.0):
        return [each for each in self.cloud.watch.seen if each.changes and each.agent == agent and each.at >= since]

    def questions(self, agent, since):
        return [each for each in self.cloud.watch.seen if not each.changes and each.agent == agent and each.at >= since]

    def locked(self):
        """Whether somebody is in the midst of a write."""
        try:
            self.folder.rows("BEGIN IMMEDIATE", patience=0.05)
        except sqlite3.OperationalError:
            return True
        return False

    def freeze_out_of_a_write(self, life):
        """A process that is frozen in the midst of a write holds up all others until it thaws: have it end that."""
        while self.locked():
            life.signal(signal.SIGCONT)
            time.sleep(0.002)
            life.signal(signal.SIGSTOP)
            self.until(lambda: frozen(life))

    def close(self):
        for life in self.lives:
            if not life.ended.is_set():
                life.kill()
        self.cloud.stop()
        self.folder.remove()


def frozen(life):
    """Whether a process is stopped."""
    try:
        return Path(f"/proc/{life.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def assert_each_was_done_once(pair):
    """As the cloud has it: one machine for each name; what is destroyed was off and has one snapshot."""
    truth = pair.cloud.world.truth
    made = [event.name for event in truth if event.kind == "create"]
    assert len(made) == len(set(made))
    taken = [event.droplet for event in truth if event.kind == "snapshot-start"]
    assert len(taken) == len(set(taken))
    gone = [event for event in truth if event.kind == "destroy"]
    assert all(event.detail["status"] == "off" and event.detail["snapshots"] for event in gone)
    assert pair.folder.verified()
