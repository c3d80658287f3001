"""A worker as one writes it first, to show that the proof has teeth.

It writes down what is done only when it is done, does again what failed, takes a good answer for a snapshot, and
destroys as soon as it is let.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chanops.providers.base import ProviderError, State
from chanops.services.jobs import work
from chanops.services.machines.moves import Tools
from chanops.services.machines.up import order_of

PAUSE, LONG = 0.05, 1.0


def down(tools: Tools) -> str:
    """Shut down, snapshot, destroy."""
    id, name = tools.work.unit.id, f"{tools.name}-{tools.work.job}"
    if runs(tools, id):
        recorded(tools, "shutdown", lambda: tools.provider.shut_down(id))
    until = time.monotonic() + LONG
    while runs(tools, id) and time.monotonic() < until:
        tools.work.pause(PAUSE)
    if runs(tools, id):
        recorded(tools, "power-off", lambda: tools.provider.cut_power(id))
    recorded(tools, "snapshot", lambda: tools.provider.snapshot(id, name))
    recorded(tools, "destroy", lambda: tools.provider.destroy(id))
    return f"is down: snapshot {name} (1 GB, $0 a month), saves $0"


def up(tools: Tools) -> str:
    """Create, and wait until it runs."""
    id = recorded(tools, "create", lambda: tools.provider.create(order_of(tools)).id)
    while not runs(tools, id):
        tools.work.pause(PAUSE)
    return repeated(tools, lambda: tools.provider.machine(id)).address


def runs(tools: Tools, id: str) -> bool:
    """Whether a machine runs."""
    return bool(repeated(tools, lambda: tools.provider.machine(id)).state == State.RUNNING)


def recorded(tools: Tools, step: str, do: Callable[[], Any]) -> Any:
    """Do a step, and then write down that it is done."""
    path = Path(tools.work.journal.database.path.parent / f"naive-{tools.name}-{tools.work.job}-{step}.json")
    if not path.exists():
        result = repeated(tools, do)
        path.write_text(json.dumps(result))
    return json.loads(path.read_text())


def repeated(tools: Tools, do: Callable[[], Any]) -> Any:
    """Until it works; one that is gone is as good as done, after a while."""
    until = time.monotonic() + 3 * LONG
    while True:
        work.acting.work = tools.work
        try:
            return do()
        except ProviderError:
            tools.work.pause(PAUSE)
            if time.monotonic() > until:
                raise
        finally:
            work.acting.work = None
