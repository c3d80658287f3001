"""The programs that log in: OpenSSH's ssh under xargs, and ansible."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fleet import Host, Wrong
from benchmarks.sshpeers import USER, Answer, Peer

SAID = "benchmark-status"


class OpenSsh(Peer):
    """xargs -P … ssh, as it is installed; warm is over a ControlMaster for each host."""

    def __init__(self, key: Path, known_hosts: Path) -> None:
        super().__init__(key, known_hosts)
        self.folder = TemporaryDirectory(prefix="bench-ssh-")
        self.hosts: list[Host] = []

    @classmethod
    def there(cls) -> bool:
        return bool(shutil.which("ssh") and shutil.which("xargs"))

    def options(self) -> list[str]:
        known, control = f"UserKnownHostsFile={self.known_hosts}", f"ControlPath={self.folder.name}/%h"
        given = (known, control, "StrictHostKeyChecking=yes", "BatchMode=yes", "LogLevel=ERROR")
        return ["-F", "none", "-i", str(self.key), "-l", USER, *(word for each in given for word in ("-o", each))]

    def under_xargs(self, hosts: Sequence[Host], rest: str, threads: int) -> str:
        ssh = shlex.join(["ssh", *self.options(), "-p", str(hosts[0].port)])
        command = ["xargs", f"-P{threads}", "-n1", "sh", "-c", f"{ssh} {rest}"]
        names = "\n".join(host.address for host in hosts)
        done = subprocess.run(command, input=names, capture_output=True, text=True)
        if done.returncode or done.stderr:
            raise Wrong(f"xargs ssh: {done.returncode}: {done.stderr[-300:]}")
        return done.stdout

    def cold(self, hosts: Sequence[Host], command: str, threads: int) -> list[Answer]:
        said = self.under_xargs(hosts, f'"$0" {shlex.quote(command)}; echo {SAID} $?', threads)
        return answers(said, len(hosts))

    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        self.hosts += hosts
        # Its output goes nowhere: a master that stays behind would hold the pipe open.
        self.under_xargs(hosts, '-M -N -f "$0" >/dev/null 2>&1', threads)

    def warm(self, command: str, threads: int) -> list[Answer]:
        return self.cold(self.hosts, command, threads)

    def end_all(self) -> None:
        if self.hosts:
            self.under_xargs(self.hosts, '-O exit "$0" 2>/dev/null', 20)
        self.hosts.clear()


def answers(said: str, count: int) -> list[Answer]:
    """The statuses, and all that was written, counted with the first."""
    lines = said.splitlines(keepends=True)
    statuses = [int(line.split()[1]) for line in lines if line.startswith(SAID)]
    if len(statuses) != count:
        raise Wrong(f"xargs ssh: {len(statuses)} of {count} ended")
    written = sum(len(line) for line in lines if not line.startswith(SAID))
    return [(statuses[0], written), *((status, 0) for status in statuses[1:])]


class Ansible(Peer):
    """ansible -m raw, one run for all; without the masters it would leave behind."""

    @classmethod
    def there(cls) -> bool:
        return ansible() is not None

    def cold(self, hosts: Sequence[Host], command: str, threads: int) -> list[Answer]:
        with TemporaryDirectory(prefix="bench-ansible-") as folder:
            inventory = Path(folder, "hosts")
            inventory.write_text("".join(f"{host.address}\n" for host in hosts))
            given = {
                "HOME": folder,
                "ANSIBLE_SSH_ARGS": f"-o ControlMaster=no -o UserKnownHostsFile={self.known_hosts}",
            }
            words = [ansible() or "", "all", "-i", str(inventory), "-f", str(threads), "-m", "raw", "-a", command]
            more = ["-u", USER, "--private-key", str(self.key), "-e", f"ansible_port={hosts[0].port}"]
            done = subprocess.run([*words, *more], capture_output=True, text=True, env={**os.environ, **given})
        fine = done.stdout.count("| rc=0 >>")
        if done.returncode or fine != len(hosts):
            raise Wrong(f"ansible: {done.returncode}, {fine} of {len(hosts)}: {(done.stderr or done.stdout)[-300:]}")
        return [(0, 0)] * fine

    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        raise NotImplementedError

    def warm(self, command: str, threads: int) -> list[Answer]:
        raise NotImplementedError


def ansible() -> str | None:
    """The program beside this Python, or anywhere."""
    beside = Path(sys.executable).with_name("ansible")
    return str(beside) if beside.exists() else shutil.which("ansible")
