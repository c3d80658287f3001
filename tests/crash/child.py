"""One life of the bot: the real one, without a network; a specification says what is asked of it and where it dies."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chanops import configuration
from chanops.offline import Heard, Offline
from chanops.providers.digitalocean import connections, pace, transport
from chanops.services import database
from chanops.services.jobs import engine, lease, work
from chanops.services.jobs.journal import Journal
from chanops.services.machines import moves, service
from tests.crash import naive

LOOK = 0.04
CODE = re.compile(r"\.confirm (\w+)")
NOTHING_TO_DO = ("is there already", "nothing matches", "no machine ")
JOB = re.compile(r"job (\d+):")


@dataclass
class Spec:
    """What is told to one life."""

    config: str
    events: str
    agent: str
    ask: list[list[str]] = field(default_factory=list)
    """What is to be asked for: [kind, names separated by blanks, options]; what is a job already is not asked again."""
    again: bool = False
    """Ask even where it is a job already, as somebody without patience does."""
    naive: bool = False
    idle: bool = False
    """Take up no job."""
    die: list[Any] = field(default_factory=list)
    """Where to send oneself a signal: [method of the journal, "before" or "after", the how manyth call, the signal]."""
    stop: str = ""
    """Where to freeze, once: "body" (the headers of a change are out), "turn" (it waited for its turn)."""
    short: float = 0.8
    longest: float = 4.0
    lease: list[float] = field(default_factory=lambda: [1.0, 5.0, 15.0])
    patience: float = 20.0
    patience_left: int = 200
    again_after: float = 0.2


def live(spec: Spec) -> None:
    """Live until killed."""
    told = Told(Path(spec.events), spec.agent)
    told("born")
    shorten(spec)
    listen(told)
    with Offline(configuration.read(Path(spec.config))) as bot:
        told("ready", token=bot.app.fleet.jobs.engine.lease.token)
        asked = False
        while True:
            asked = asked or ask(bot, spec, told)
            follow(bot, told, asked)
            time.sleep(LOOK)


@dataclass
class Told:
    """What a life tells: lines in a file, each written at once, so that a kill loses none."""

    path: Path
    agent: str

    def __call__(self, kind: str, **more: Any) -> None:
        line = json.dumps({"kind": kind, "agent": self.agent, "at": time.monotonic(), "wall": time.time(), **more})
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)


def shorten(spec: Spec) -> None:
    """Make the bot's constants as small as the simulated cloud's times; and set the traps."""
    transport.AGENT = spec.agent
    pace.MINUTE = 1.0
    database.PATIENCE = spec.patience
    lease.BEAT, lease.SURE, lease.DEAD = spec.lease
    engine.BEAT, engine.AGAIN = spec.lease[0], spec.again_after
    work.LONGEST_PAUSE = 0.5
    moves.SHORT = spec.short
    moves.begin.__defaults__ = (spec.short,)
    wait = moves.Tools.wait
    moves.Tools.wait = lambda self, name, seconds, find: wait(self, name, min(seconds, spec.longest), find)
    if spec.naive:
        service.WORKFLOWS |= {"up": naive.up, "down": naive.down}
    if spec.idle:
        engine.Engine.take_up = lambda self: None
        engine.Engine.submit = lambda self, plan, said, public, most: self.journal.create(plan, said, public, most)
    if spec.die:
        die_at(*spec.die)
    if spec.stop == "body":
        freeze_in_body()
    if spec.stop == "turn":
        freeze_in_turn()


def die_at(method: str, when: str, nth: int, number: int = signal.SIGKILL) -> None:
    """Send oneself a signal just before or just after something is written into the journal."""
    inner: Callable[..., Any] = getattr(Journal, method)
    left = [nth]

    def trapped(*args: Any, **named: Any) -> Any:
        left[0] -= 1
        hit = left[0] == 0
        if hit and when == "before":
            os.kill(os.getpid(), number)
        found = inner(*args, **named)
        if hit and when == "after":
            os.kill(os.getpid(), number)
            linger()
        return found

    setattr(Journal, method, trapped)


def linger() -> None:
    """After a thaw the other threads come first: the worst order there is."""
    time.sleep(4 * lease.BEAT)


def freeze_in_body() -> None:
    """Freeze when the headers of a change are out and its body is not."""
    inner = connections.Guarded.read
    left = [1]

    def read(self: Any, size: int | None = -1) -> bytes:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            linger()
        return inner(self, size)

    connections.Guarded.read = read


def freeze_in_turn() -> None:
    """Freeze when a change has waited for its turn, as after a 429."""
    send = transport.Account.send
    left = [1]

    def sending(self: Any, method: str, address: str, params: Any) -> Any:
        if method != "GET":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
                linger()
        return send(self, method, address, params)

    transport.Account.send = sending


def ask(bot: Offline, spec: Spec, told: Told) -> bool:
    """Ask for what is no job yet, as a person does; whether all of it is one now."""
    there = [(job.kind, {unit.name for unit in job.plan.units}) for job in bot.app.fleet.jobs.newest()]
    missing = [
        each
        for each in spec.ask
        if spec.again or not any(kind == each[0] and names <= set(each[1].split()) for kind, names in there)
    ]
    spec.again = False
    for kind, names, options in missing:
        answers = bot.say(f".{kind} {names} {options}".rstrip())
        code = CODE.search(" ".join(answers))
        if code:
            answers = bot.say(f".confirm {code[1]}")
        found = JOB.match(" ".join(answers))
        told("answer", asked=[kind, names], text=answers, job=int(found[1]) if found else 0)
        if any(each in " ".join(answers) for each in NOTHING_TO_DO):
            return True
    spec.patience_left -= bool(missing)
    if not spec.patience_left:
        told("gave up", asked=missing)
        return True
    return not missing


def listen(told: Told) -> None:
    """Tell what is said in the channel."""
    say = Heard.say

    def saying(self: Heard, target: str, text: str, *, action: bool = False) -> None:
        say(self, target, text, action=action)
        told("said", text=text)

    Heard.say = saying


def follow(bot: Offline, told: Told, asked: bool) -> None:
    """Have the ends said, as the bot does each second; tell when nothing is left."""
    bot.app.speak_of_jobs()
    jobs = bot.app.fleet.jobs
    if asked and not jobs.unfinished() and not jobs.journal.untold():
        told("over", jobs=[job.id for job in jobs.newest()])
        while True:
            signal.pause()
