"""One pretended machine: what it is, what is on its disk, who may log in."""

import itertools
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chanops.simulator.ssh_files import Disk

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
_SYSTEMS = {
    "debian-12-x64": ("Debian GNU/Linux 12 (bookworm)", "6.1.0-40-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.153-1"),
    "debian-13-x64": ("Debian GNU/Linux 13 (trixie)", "6.12.48-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.48-1"),
    "fedora-42-x64": ("Fedora Linux 42 (Cloud Edition)", "6.16.9-200.fc42.x86_64", "#1 SMP PREEMPT_DYNAMIC"),
    "rockylinux-9-x64": ("Rocky Linux 9.6 (Blue Onyx)", "5.14.0-570.el9.x86_64", "#1 SMP PREEMPT_DYNAMIC"),
    "ubuntu-22-04-x64": ("Ubuntu 22.04.5 LTS", "5.15.0-157-generic", "#167-Ubuntu SMP"),
    "ubuntu-24-04-x64": ("Ubuntu 24.04.3 LTS", "6.8.0-85-generic", "#85-Ubuntu SMP PREEMPT_DYNAMIC"),
}
_FOLDERS = ("/bin", "/etc/ssh", "/home", "/opt", "/proc", "/srv/www", "/usr/bin", "/var/lib", "/var/log", "/var/www")


@dataclass(frozen=True)
class Facts:
    """What a machine tells of itself; memory in MB, disks in GB; `image` is a slug such as debian-12-x64."""

    hostname: str = "machine"
    vcpus: int = 1
    memory: int = 1024
    disk: int = 25
    used: float = 2.1
    image: str = "debian-12-x64"
    address: str = "127.0.0.1"
    private: str = ""

    @property
    def system(self) -> tuple[str, str, str]:
        """The system's name, its kernel's release and version."""
        return _SYSTEMS.get(self.image, _SYSTEMS["debian-12-x64"])


class SshMachine:
    """A machine that people can log into; `switch` is told "off" and "reboot" when somebody in it asks for that."""

    def __init__(
        self,
        facts: Facts | str = "machine",
        authorized: Iterable[str] = (),
        host_key: str = "",
        disk: Disk | None = None,
        up_since: float | None = None,
    ) -> None:
        """`authorized` are lines of authorized_keys, `host_key` a private Ed25519 key in OpenSSH's format."""
        self.facts = facts if isinstance(facts, Facts) else Facts(facts)
        self.disk = new_disk(self.facts) if disk is None else disk
        self.up_since = time.time() if up_since is None else up_since
        self.switch: Callable[[str], None] = lambda wanted: None
        authorize(self.disk, authorized)
        if host_key:
            self.disk.write(HOST_KEY, host_key, 0o600)

    @property
    def hostname(self) -> str:
        return self._line("/etc/hostname") or "localhost"

    @property
    def host_key(self) -> str:
        """Its public host key, as a .pub file has it, once it has answered."""
        return self._line(f"{HOST_KEY}.pub")

    def _line(self, path: str) -> str:
        try:
            return self.disk.read(path).decode(errors="replace").strip()
        except OSError:
            return ""

    def lets_in(self, user: str, kind: str, key: str) -> bool:
        """Whether a key, its type and its base64, may log in; whoever may be root may be anybody."""
        for path in dict.fromkeys(f"{home(each)}/.ssh/authorized_keys" for each in (user, "root")):
            try:
                lines = self.disk.read(path).decode(errors="replace").splitlines()
            except OSError:
                continue
            for words in (line.split() for line in lines if not line.lstrip().startswith("#")):
                if (kind, key) in itertools.pairwise(words):
                    return True
        return False

    def load(self) -> list[float]:
        """Its load averages, about as on an idle machine."""
        chance = random.Random(f"{self.hostname} {int(time.time()) // 5}")  # noqa: S311  no secret
        return [round(chance.uniform(0.0, 0.3 * self.facts.vcpus), 2) for _ in range(3)]


def authorize(disk: Disk, lines: Iterable[str], user: str = "root") -> None:
    """Let these keys in as well."""
    path = f"{home(user)}/.ssh/authorized_keys"
    known = disk.read(path).decode(errors="replace") if disk.has(path) else ""
    new = [each.strip() for each in lines if each.strip() not in known.splitlines()]
    if not new:
        return
    disk.make_folder(f"{home(user)}/.ssh", parents=True, mode=0o700)
    disk.write(path, known + "".join(f"{each}\n" for each in new), 0o600)


def home(user: str) -> str:
    return "/root" if user == "root" else f"/home/{user}"


def new_disk(facts: Facts) -> Disk:
    """As the image leaves it."""
    made = Disk()
    for folder in _FOLDERS:
        made.make_folder(folder, parents=True)
    made.make_folder("/tmp", mode=0o1777)  # noqa: S108  the pretended machine's
    made.make_folder("/root", mode=0o700)
    name, release, _ = facts.system
    system, _, version = name.partition(" ")
    made.write("/etc/os-release", f'PRETTY_NAME="{name}"\nNAME="{system}"\nVERSION="{version}"\nID={system.lower()}\n')
    made.write("/etc/hostname", f"{facts.hostname}\n")
    made.write("/etc/hosts", f"127.0.1.1 {facts.hostname} {facts.hostname}\n127.0.0.1 localhost\n")
    made.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n")
    made.write("/proc/version", f"Linux version {release}\n")
    made.write("/root/.bashrc", "# ~/.bashrc: executed by bash(1) for non-login shells.\n")
    made.write(
        "/var/log/syslog", f"{facts.hostname} systemd[1]: Reached target multi-user.target - Multi-User System.\n"
    )
    return made
