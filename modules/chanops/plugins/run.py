"""Commands on machines, over SSH: on one or on two hundred."""

from datetime import timedelta
from typing import Annotated

from chanops import Arguments, Flag, Message, Problem, Rest, Targets, command
from chanops.services import Remote

Dry = Annotated[bool, Flag("-n")]
USUAL = None  # what the configuration says


@command("run", role="ops")
def run(
    which: Targets,
    command: Rest,
    *,
    timeout: timedelta | None = USUAL,
    parallel: int | None = USUAL,
    as_: str = "",
    sudo: bool = False,
    stop_after: int | None = USUAL,
    one_by_one: bool = False,
    dry_run: Dry = False,
    said: Message,
    remote: Remote,
) -> list[str]:
    """Run a shell command on machines; its options stand before it. The whole output is on the job's page."""
    options = asked(timeout, parallel, as_, sudo, stop_after, one_by_one)
    return remote.run(which, command, said, dry_run, **options)


@command("script", role="ops")
def script(
    name: str,
    which: Targets,
    arguments: Arguments = [],  # noqa: B006  nobody changes it
    *,
    timeout: timedelta | None = USUAL,
    parallel: int | None = USUAL,
    as_: str = "",
    sudo: bool = False,
    stop_after: int | None = USUAL,
    one_by_one: bool = False,
    dry_run: Dry = False,
    said: Message,
    remote: Remote,
) -> list[str]:
    """Run a script of the configuration's folder on machines; its arguments arrive as they are typed."""
    options = asked(timeout, parallel, as_, sudo, stop_after, one_by_one)
    return remote.script(name, which, arguments, said, dry_run, **options)


@command("put", role="ops")
def put(
    file: str,
    where: str,
    *,
    parallel: int | None = USUAL,
    as_: str = "",
    dry_run: Dry = False,
    said: Message,
    remote: Remote,
) -> list[str]:
    """Write a file of the configuration's folder on machines, whole or not at all: .put motd web-*:/etc/motd."""
    return remote.put(file, where, said, dry_run, **asked(USUAL, parallel, as_))


@command("get", role="ops")
def get(
    where: str, *, parallel: int | None = USUAL, as_: str = "", dry_run: Dry = False, said: Message, remote: Remote
) -> list[str]:
    """Fetch a file from machines into the configuration's folder: .get web-*:/etc/motd."""
    return remote.get(where, said, dry_run, **asked(USUAL, parallel, as_))


@command("authorize", role="ops")
def authorize(
    account: str, which: Targets, *, as_: str = "", dry_run: Dry = False, said: Message, remote: Remote
) -> list[str]:
    """Let a team member log in on machines, with the keys of [key:ACCOUNT]."""
    return remote.authorize(account, which, said, False, dry_run, **asked(user=as_))


@command("deauthorize", role="ops")
def deauthorize(
    account: str, which: Targets, *, as_: str = "", dry_run: Dry = False, said: Message, remote: Remote
) -> list[str]:
    """Take a team member's keys away from machines."""
    return remote.authorize(account, which, said, True, dry_run, **asked(user=as_))


@command("trust", role="ops")
def trust(which: Targets, *, said: Message, remote: Remote) -> list[str]:
    """Show the host keys of machines that are not known yet, and, once that is confirmed, keep them."""
    return remote.trust.ask(which, said)


def asked(
    timeout: timedelta | None = USUAL,
    parallel: int | None = USUAL,
    user: str = "",
    sudo: bool = False,
    stop_after: int | None = USUAL,
    one_by_one: bool = False,
) -> dict[str, object]:
    """The options that differ from what is usual, as a job keeps them."""
    if one_by_one and parallel is not None:
        raise Problem("one-by-one and parallel do not go together: leave one out")
    given = {
        "timeout": None if timeout is None else timeout.total_seconds(),
        "parallel": parallel,
        "user": user,
        "sudo": sudo,
        "stop_after": stop_after,
        "one_by_one": one_by_one,
    }
    return {key: value for key, value in given.items() if value is not None and value is not False and value != ""}
