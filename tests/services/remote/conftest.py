"""For the tests of what is done over SSH: the whole bot, which trusts the real servers of sshd.py by several names."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sshd import TYPES, Keys, Sshd, state_of

from chanops.core.public_keys import public_key
from chanops.offline import Offline
from chanops.services.jobs.rows import Job
from chanops.services.tables import audit
from chanops.ssh.known import KnownHosts
from chanops.testing import job_ended, until

NAMES = tuple(f"web-{number}" for number in range(1, 7))
JOBS = "[jobs]\nmost_jobs = 1000\nper_minute = 1000\n"
TIMES = re.compile(r"\b(?:[0-9.]+ (?:ms|s)|[0-9]+ min(?: [0-9]+ s)?)(?![0-9A-Za-z])")
PAGE = "http://ops.example/jobs"


def host_section(server, name: str, tags: str = "", address: str = "", port: int = 0) -> str:
    """The section [host:NAME] for a server of sshd.py, or whatever else has an address and a port."""
    more = f"tags = {tags}\n" if tags else ""
    return f"[host:{name}]\naddress = {address or server.address}\nport = {port or server.port}\n{more}"


def ssh_section(keys: Keys, known: Path, login: str = "login", **options: str) -> str:
    """The section [ssh]."""
    usual = {"user": Sshd.user, "key_file": str(keys.private(login)), "known_hosts": str(known)} | options
    return "".join(["[ssh]\n", *(f"{key} = {value}\n" for key, value in usual.items())])


class Operator:
    """Somebody who asks, and waits for the ends of the jobs."""

    def __init__(self, bot: Offline) -> None:
        self.bot = bot
        self.jobs = bot.app.fleet.jobs

    def begin(self, text: str) -> tuple[int, list[str]]:
        """Begin a job: its number, and what was answered at once."""
        before = self.newest()
        answers = self.bot.say(text)
        assert self.newest() == before + 1, answers
        return before + 1, answers

    def ask(self, text: str) -> list[str]:
        """What the channel reads of a job, from when it was asked for until its end was said."""
        before = len(self.bot.heard.lines)
        number, _ = self.begin(text)
        job_ended(self.bot, number)
        self.bot.app.workers.finish(20)
        return [line for _, line in self.bot.heard.lines[before:]]

    def lines(self, text: str) -> list[str]:
        """The same, with T for each time: how long something takes is no business of a test."""
        return [TIMES.sub("T", line) for line in self.ask(text)]

    def refused(self, text: str) -> str:
        """Why something is not begun."""
        before = self.newest()
        [answer] = self.bot.say(text)
        assert self.newest() == before, "a job was begun"
        assert answer.isprintable()
        assert len(answer) < 400
        return answer.removeprefix("alice: ")

    def do(self, text: str) -> Job:
        """Have something done: the job, when it is over."""
        number, _ = self.begin(text)
        return job_ended(self.bot, number)

    def newest(self) -> int:
        """The number of the newest job; 0 before there was one."""
        return max((each.id for each in self.jobs.newest(1)), default=0)

    def parts(self, number: int = 0) -> dict[str, tuple[str, str]]:
        """The machines of a job, the newest unless one is given, with their states and texts."""
        units = self.jobs.whole(number or self.newest()).units
        return {part.name: (str(part.state), TIMES.sub("T", part.text)) for part in units}

    def facts(self, number: int = 0) -> dict:
        """What is known of how it ended on the first machine of a job."""
        return dict(self.jobs.whole(number or self.newest()).units[0].facts)

    def output(self, number: int = 0, unit: int = 0, stream: int = 0) -> str:
        """What is kept of what a command wrote on one machine, to both streams or to one."""
        found = self.jobs.whole(number or self.newest()).output
        wanted = (stream,) if stream else (1, 2)
        return "".join(each.text for each in found if each.unit == unit and each.stream in wanted)

    def audited(self, kind: str = "") -> list[tuple[str, str]]:
        """The audit's rows of a kind, or all: what it is, and what it says."""
        with self.bot.app.database.read() as connection:
            rows = connection.execute(audit.select().order_by(audit.c.id)).all()
        return [(row.kind, row.text) for row in rows if kind in ("", row.kind)]

    def code(self, answers: list[str]) -> str:
        """The command that confirms what was asked."""
        return f".confirm {re.search(r'[.]confirm ([0-9A-Z]{6})', ' '.join(answers))[1]}"

    def beside(self, path: str) -> Path:
        """A path in the configuration's folder."""
        return self.bot.app.configured.beside(path)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file in the configuration's folder."""
        found = self.beside(path)
        found.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
        found.write_bytes(content if isinstance(content, bytes) else content.encode())
        return found

    def configure(self, change: Callable[[str], str]) -> None:
        """Change the configuration, and have it read again."""
        path = self.bot.app.configured.path
        path.write_text(change(path.read_text()))
        [answer] = self.bot.say(".reload")
        assert answer.startswith("reloaded"), answer


@pytest.fixture
def known_hosts(tmp_path: Path, ssh_keys: Keys) -> Path:
    """A file in which the hosts NAMES have the keys of all servers of sshd.py."""
    path = tmp_path / "known_hosts"
    keys = [public_key(ssh_keys.public(f"host_{kind}")) for kind in TYPES]
    path.write_text("".join(f"hosts/{name} {key.type} {key.line.split()[1]}\n" for name in NAMES for key in keys))
    path.chmod(0o600)
    return path


@pytest.fixture
def known(known_hosts: Path) -> KnownHosts:
    """The same file, to read and to change."""
    return KnownHosts(known_hosts)


@pytest.fixture
def server(sshd: Sshd) -> Sshd:
    """Where all hosts are. Override it for one that may be treated as one likes."""
    return sshd


@pytest.fixture
def ssh_options() -> dict[str, str]:
    """More keys of [ssh]. Override it."""
    return {}


@pytest.fixture
def more_sections() -> str:
    """More sections. Override it."""
    return ""


@pytest.fixture
def extra_configuration(
    server: Sshd, ssh_keys: Keys, known_hosts: Path, ssh_options: dict[str, str], more_sections: str
) -> str:
    hosts = "".join(host_section(server, name, tags="web") for name in NAMES)
    return JOBS + ssh_section(ssh_keys, known_hosts, **ssh_options) + hosts + more_sections


@pytest.fixture
def ops(bot: Offline) -> Operator:
    """Somebody who asks the bot."""
    return Operator(bot)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder that both the bot's hosts and the test can see."""
    found = tmp_path / "scratch"
    found.mkdir()
    return found


def quoted(path: Path | str) -> str:
    """A path for a shell's command line."""
    return shlex.quote(str(path))


class Gate:
    """A command that says that it has begun, and goes on when it is let go."""

    def __init__(self, folder: Path) -> None:
        self.log, self.open = folder / "begun", folder / "go"
        self.command = f"echo $$ >>{self.log}; while [ ! -e {self.open} ]; do sleep 0.02; done"

    @property
    def begun(self) -> int:
        """How often it has begun."""
        return len(self.log.read_text().split()) if self.log.exists() else 0

    def wait(self, count: int = 1) -> None:
        """Wait until it has begun so often."""
        until(lambda: self.begun >= count)

    def running(self) -> list[int]:
        """The processes of it that live."""
        return [pid for pid in map(int, self.log.read_text().split()) if state_of(pid)]

    def go(self) -> None:
        """Let all go on."""
        self.open.touch()


@pytest.fixture
def gate(scratch: Path) -> Iterator[Gate]:
    """For commands that take as long as a test wants."""
    made = Gate(scratch)
    yield made
    made.go()
