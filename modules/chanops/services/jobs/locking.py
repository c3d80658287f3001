"""Which job has which machine: alone, or with others that share it."""

from sqlalchemy import Connection, or_, select

from chanops.core.plan import Plan
from chanops.services.database import insert_all
from chanops.services.jobs.rows import Is
from chanops.services.tables import jobs, locks

INSERT = locks.insert()


def lock(connection: Connection, number: int, plan: Plan, in_turn: bool = False) -> bool:
    """Take the machines of a plan: alone, or shared where the unit says so; False where another job is in the way.

    With `in_turn`, so is an older one that waits for any of them.
    """
    alone = {key for unit in plan.units if not unit.shares for key in unit.keys}
    shared = {key for unit in plan.units if unit.shares for key in unit.keys}
    taken = or_(locks.c.key.in_(alone | shared), locks.c.base.in_(alone))
    if connection.execute(select(locks.c.key).where(locks.c.job != number, taken).limit(1)).first() is not None:
        return False
    if (shared or in_turn) and any(
        key in shared or (in_turn and key in alone) for key in waited_for(connection, number)
    ):
        return False
    rows = [{"key": key, "base": key, "job": number} for key in sorted(alone)]
    rows += [{"key": f"~{number}~{key}", "base": key, "job": number} for key in sorted(shared)]
    insert_all(connection, INSERT, rows, "DO NOTHING")
    return True


def waited_for(connection: Connection, number: int) -> set[str]:
    """The machines that older jobs wait to have alone: nobody who shares one may pass them by for ever."""
    waiting = select(jobs.c.plan).where(jobs.c.state == Is.WAITING, jobs.c.id < number)
    units = [unit for text in connection.execute(waiting).scalars() for unit in Plan.read(text).units]
    return {key for unit in units if not unit.shares for key in unit.keys}
