"""What every workflow over SSH has in its hands, and what it makes of the ways in which things end there."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chanops.core.errors import Problem
from chanops.core.masking import Mask
from chanops.core.sections import Settings
from chanops.core.text import spoken
from chanops.services.jobs.rows import FINISHED, Attention, Cancelled, Is, Stopped, units_of
from chanops.services.jobs.work import Work, may_act
from chanops.services.remote.output import Recorder, Writer
from chanops.services.remote.reach import Reach
from chanops.ssh.base import ChangedKey, End, Files, Halt, Halted, Left, Login, Outcome, SshError

UNKNOWN = "unknown: nobody knows how far it came, and it may still run; look there before it is asked for again"

UNSENT = "unsent"


@dataclass(frozen=True)
class Tools:
    """One machine's part in a job over SSH."""

    work: Work
    reach: Reach
    writer: Writer
    settings: Callable[[], Settings]
    mask: Callable[[], Mask]

    @property
    def options(self) -> Mapping[str, Any]:
        """What was asked for."""
        options: Mapping[str, Any] = self.work.plan.request["options"]
        return options

    @property
    def login(self) -> Login:
        """Where, and as whom."""
        unit = self.work.unit
        return self.reach.login(
            unit.provider, unit.name, str(unit.facts["address"]), str(self.options.get("user") or "")
        )

    @property
    def timeout(self) -> float:
        """Seconds that it may take."""
        return float(self.options.get("timeout") or self.settings().ssh.timeout)

    def halt(self) -> Halt:
        """What is asked of whatever runs."""
        signals = self.work.signals
        return Halt.LEAVE if signals.stopped else Halt.END if signals.cancelled else Halt.GO

    def recorder(self) -> Recorder:
        """What takes a command's output."""
        if "recorder" not in self.work.kept:
            keep = self.settings().ssh.keep_output
            self.work.kept["recorder"] = Recorder(self.writer, self.work.claim, self.work.number, keep, self.mask())
        recorder: Recorder = self.work.kept["recorder"]
        return recorder

    def refuse_after_failures(self, name: str) -> None:
        """Raises where so many machines have failed that no more are to be begun, unless this step was."""
        most = 1 if self.options.get("one_by_one") else self.options.get("stop_after")
        if not most or self.work.last(name) is not None:
            return
        with self.work.journal.database.read() as connection:
            parts = units_of(connection, self.work.job)
        failed = [each.name for each in parts if each.state in FINISHED and each.state not in (Is.DONE, Is.CANCELLED)]
        if len(failed) >= most:
            self.work.told = (
                f"not begun, since {failed[0]} failed"
                if len(failed) == 1
                else (f"not begun, since {len(failed)} failed")
            )
            raise Cancelled

    def once(
        self, name: str, do: Callable[[], Mapping[str, Any]], finish: Callable[[], Mapping[str, Any]] = dict
    ) -> dict[str, Any]:
        """Do something there, once; what came of it, as JSON values. After a crash nobody knows: raises Attention.

        `finish` stores what belongs to it, and adds to the result; where the database did not take it, it is called
        again.
        """
        known: list[dict[str, Any]] = self.work.kept.setdefault(name, [])

        def begin() -> dict[str, Any]:
            try:
                known.append(dict(do()))
            except Left:
                finish()
                raise Stopped from None
            except Halted:
                raise Cancelled from None
            return ended()

        def ended() -> dict[str, Any]:
            known[0].update(finish())
            return known[0]

        def look(asked: Any) -> dict[str, Any] | None:
            if known:
                return ended()
            if not self.work.kept.get(UNSENT):
                raise Attention(UNKNOWN)
            return None

        step = self.work.last(name)
        if step is not None and step.state == "intended" and self.work.signals.cancelled:
            if not known:
                raise Attention(UNKNOWN)
            self.work.journal.settle(self.work.claim, step, "done", ended())
        with self.in_other_words():
            return self.work.act(name, begin, look, grace=0)

    def repeated(self, name: str, do: Callable[[], Mapping[str, Any]]) -> tuple[dict[str, Any], float]:
        """Do something there that does no harm when it is done twice; what came of it, and the seconds it took."""
        began = time.monotonic()

        def begin() -> dict[str, Any]:
            try:
                return dict(do())
            except Left:
                raise Stopped from None
            except Halted:
                raise Cancelled from None

        with self.in_other_words():
            return self.work.act(name, begin, lambda _: None, grace=0), time.monotonic() - began

    @contextmanager
    def in_other_words(self) -> Iterator[None]:
        """What goes wrong with a machine is said after its name; and a changed key needs somebody to look."""
        try:
            yield
        except ChangedKey as problem:
            raise Attention(str(problem)) from None
        except SshError as problem:
            raise SshError(str(problem).removeprefix(f"{self.work.unit.name} ")) from None

    @contextmanager
    def files(self) -> Iterator[Files]:
        """The machine's files."""
        with self.reach.shell.files(self.login, timeout=self.timeout, halt=self.halt) as files:
            self.sent()
            yield files

    def sent(self) -> None:
        """Asked just before anything leaves: is the job still ours?"""
        self.work.kept[UNSENT] = True  # where asking fails, nothing has left, and it may be done again
        may_act()
        self.work.kept[UNSENT] = False


def took(seconds: float) -> str:
    """A time as it is said of commands: 8 ms, 0.4 s, 12 s, 3 min 5 s."""
    if seconds < 0.0995:
        return f"{max(1, round(seconds * 1000))} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else spoken(timedelta(seconds=round(seconds)))


def ending(outcome: Outcome, tools: Tools) -> str:
    """What is said of a command that ended well; raises where it did not."""
    lasted = took(outcome.seconds)
    match outcome.end:
        case End.EXITED if outcome.status == 0:
            return f"ok in {lasted}"
        case End.EXITED:
            raise Problem(f"exit {outcome.status} in {lasted}")
        case End.SIGNALLED:
            raise Problem(f"killed by SIG{outcome.signal} after {lasted}")
        case End.TIMED_OUT:
            raise Problem(f"timed out after {took(tools.timeout)}, and was ended there")
        case End.FLOODED:
            raise Problem(f"wrote more than {tools.settings().ssh.most_output:,} bytes, and was ended there")
        case End.CANCELLED:
            tools.work.told = f"it ran {lasted}, and was ended there"
            raise Cancelled
        case End.LOST:
            raise Attention(f"unknown: the connection was lost after {lasted}; it may have run, and may still run")


def outcome_of(found: Mapping[str, Any]) -> Outcome:
    """An outcome from JSON values."""
    return Outcome(End(found["end"]), found["status"], found["signal"], found["seconds"], found["written"])
