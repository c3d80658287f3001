"""Machines over SSH: connections that are kept, commands, files."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from chanops.ssh.base import Known, Limits, Shell


def open_shell(
    known: Known, key_file: Path | None, passphrase: Callable[[], str], agent: bool, limits: Limits
) -> Shell:
    """An engine; paramiko is read only here, since it costs 0.15 s and 12 MB: only where SSH is configured."""
    shell: Shell = import_module("chanops.ssh.engine").open_engine(known, key_file, passphrase, agent, limits)
    return shell
