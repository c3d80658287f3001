"""Leases: who is dead is seen, at once where the kernel says it, and who was taken for dead does nothing more."""

import os
import signal
import subprocess
import sys

import pytest
from stores import environment, refuse

from chanops.services.database import NotStored
from chanops.services.jobs import lease as leases
from chanops.services.jobs.lease import Lease
from chanops.services.jobs.rows import Fenced
from chanops.testing import until

LIVES = """
import os, sys, threading
from pathlib import Path
from chanops.services.audit import Audit
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.lease import Lease
database = Database(Path(sys.argv[1]), os.environ["DATABASE_URL"])
database.start()
lease = Lease(Path(sys.argv[2]), Journal(database, History(database), Audit(database)))
lease.take()
print(lease.token, flush=True)
while True:
    threading.Event().wait(0.02)
    lease.beat()
"""


@pytest.fixture
def other(lease):
    """Another process that lives, with its token."""
    command = [sys.executable, "-c", LIVES, str(lease.journal.database.path), str(lease.folder)]
    env = environment(lease.journal.database)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        process.token = process.stdout.readline().strip()
        yield process
        process.kill()


def test_nobody_who_lives_is_dead(lease, other):
    assert lease.dead() == frozenset()
    beats = lease.journal.beats()[other.token]
    until(lambda: lease.journal.beats()[other.token] > beats + 3)
    assert lease.dead() == frozenset()


def test_a_killed_process_is_dead_at_once(lease, other):
    assert lease.dead() == frozenset()
    other.kill()
    other.wait(10)
    assert lease.dead() == {other.token}


def test_a_frozen_process_is_dead_after_a_while_without_a_sign(lease, other, monkeypatch):
    monkeypatch.setattr(leases, "DEAD", 0.4)
    assert lease.dead() == frozenset()
    os.kill(other.pid, signal.SIGSTOP)
    assert lease.dead() == frozenset()
    assert until(lease.dead) == {other.token}
    lease.bury(other.token)
    os.kill(other.pid, signal.SIGCONT)
    until(lambda: not lease.dead())


def test_who_leaves_politely_is_gone_at_once(lease, journal, tmp_path):
    leaving = Lease(tmp_path / "runners", journal)
    leaving.take()
    assert lease.dead() == frozenset()
    leaving.drop()
    assert lease.dead() == {leaving.token}
    lease.bury(leaving.token)
    assert (lease.dead(), list(journal.beats())) == (frozenset(), [lease.token])


def test_nobody_takes_itself_for_dead(lease, monkeypatch):
    monkeypatch.setattr(leases, "DEAD", 0.0)
    assert lease.dead() == lease.dead() == frozenset()


def test_shortly_after_a_sign_nobody_is_asked_whether_the_job_is_ours(lease, journal, begin):
    work = begin()
    lease.beat()
    before = journal.beats()
    lease.sure(work.claim)
    assert journal.beats() == before


def test_later_the_journal_is_asked_and_that_is_a_sign_of_life(lease, journal, begin, monkeypatch):
    monkeypatch.setattr(leases, "SURE", 0.0)
    work = begin()
    before = journal.beats()[lease.token]
    lease.sure(work.claim)
    assert journal.beats()[lease.token] == before + 1


def test_who_was_taken_for_dead_is_not_sure(lease, begin, resume, monkeypatch):
    monkeypatch.setattr(leases, "SURE", 0.0)
    work = begin()
    taken = resume(work)
    with pytest.raises(Fenced):
        lease.sure(work.claim)
    lease.sure(taken.claim)


def test_without_the_database_nobody_is_sure(lease, begin, journal, monkeypatch):
    monkeypatch.setattr(leases, "SURE", 0.0)
    work = begin()
    refuse(journal.database, "UPDATE", "runners", "full")
    with pytest.raises(NotStored):
        lease.sure(work.claim)
