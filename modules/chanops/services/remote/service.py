"""What people ask for over SSH: commands, scripts, files, keys; each becomes a job."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chanops.core.confirm import Confirmations
from chanops.core.errors import Problem
from chanops.core.masking import Mask
from chanops.core.message import Message
from chanops.core.plan import Plan
from chanops.core.public_keys import PublicKey
from chanops.core.sections import Settings
from chanops.core.text import visible
from chanops.core.words import Targets, targets
from chanops.services.database import Database
from chanops.services.jobs.engine import Workflow
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.reports import Telling
from chanops.services.jobs.rows import Is, OutputLine, end_of_output
from chanops.services.machines.clouds import Clouds
from chanops.services.remote.filing import digest_of, get, place, put
from chanops.services.remote.output import Writer
from chanops.services.remote.planner import RemotePlanner
from chanops.services.remote.reach import Reach
from chanops.services.remote.running import run
from chanops.services.remote.team import authorize, deauthorize, team_keys
from chanops.services.remote.telling import telling
from chanops.services.remote.tools import Tools
from chanops.services.remote.trust import Trust

LONGEST_SCRIPT = 65536
KINDS = ("run", "script", "put", "get", "authorize", "deauthorize")


@dataclass(frozen=True)
class Remote:
    """What is done on machines over SSH."""

    clouds: Clouds
    jobs: Jobs
    confirmations: Confirmations
    settings: Callable[[], Settings]
    reach: Reach
    beside: Callable[[str], Path]

    @property
    def planner(self) -> RemotePlanner:
        """Makes plans."""
        return RemotePlanner(self.clouds, self.settings, self.reach, self.jobs.journal.mask)

    def run(self, which: Targets, command: str, said: Message, dry: bool = False, **options: Any) -> list[str]:
        """Run a command; what is said at once, which is nothing where all goes its way."""
        with self.jobs.refusals_noted(said):
            return self.submit(self.planner.plan("run", which, command, {**options, "command": command}), said, dry)

    def script(
        self, name: str, which: Targets, arguments: list[str], said: Message, dry: bool = False, **options: Any
    ) -> list[str]:
        """Run a script of the configuration's folder."""
        with self.jobs.refusals_noted(said):
            text = self.read_script(name)
            what = " ".join([name, *arguments])
            options = {**options, "name": name, "arguments": arguments}
            return self.submit(self.planner.plan("script", which, what, options, script=text), said, dry)

    def put(self, file: str, where: str, said: Message, dry: bool = False, **options: Any) -> list[str]:
        """Write a file of the configuration's folder on machines."""
        with self.jobs.refusals_noted(said):
            which, path = place(where)
            ssh = self.settings().ssh
            found = self.file_in(self.beside(ssh.files), file, "file")
            if found.stat().st_size > ssh.largest_file:
                raise Problem(f"{file} has more than {ssh.largest_file:,} bytes, which [ssh] largest_file allows")
            size, sha256 = digest_of(found)
            path = f"{path}{found.name}" if path.endswith("/") else path
            options |= {"file": file, "path": path, "size": size, "sha256": sha256}
            return self.submit(self.planner.plan("put", which, f"{file} as {path}", options), said, dry)

    def get(self, where: str, said: Message, dry: bool = False, **options: Any) -> list[str]:
        """Fetch a file from machines into the configuration's folder."""
        with self.jobs.refusals_noted(said):
            which, path = place(where)
            if path.rpartition("/")[2] in ("", ".", "..", "~"):
                raise Problem(f"{path} is a folder: name the file")
            return self.submit(self.planner.plan("get", which, path, {**options, "path": path}), said, dry)

    def team_keys(self, *accounts: str) -> list[tuple[str, PublicKey]]:
        """The keys of team members, each with a name."""
        found = [(account, team_keys(self.settings(), self.beside, account)) for account in accounts]
        return [
            (account if len(keys) == 1 else f"{account}-{number}", key)
            for account, keys in found
            for number, key in enumerate(keys, 1)
        ]

    def authorize(
        self, account: str, which: Targets, said: Message, remove: bool = False, dry: bool = False, **options: Any
    ) -> list[str]:
        """Put a team member's keys on machines, or take them away."""
        kind = "deauthorize" if remove else "authorize"
        with self.jobs.refusals_noted(said):
            keys = [key.line for key in team_keys(self.settings(), self.beside, account)]
            options |= {"account": account, "keys": keys}
            return self.submit(self.planner.plan(kind, which, account, options), said, dry)

    def read_script(self, name: str) -> str:
        """The text of a script. Raises Problem."""
        folder = self.beside(self.settings().ssh.scripts)
        path = self.file_in(folder, name, "script")
        if path.stat().st_size > LONGEST_SCRIPT:
            raise Problem(f"{name} has more than {LONGEST_SCRIPT} bytes: .put it there, and .run it")
        try:
            return path.read_bytes().decode()  # with its line ends as they are
        except (OSError, ValueError) as error:
            raise Problem(f"script {name}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None

    @staticmethod
    def file_in(folder: Path, name: str, what: str) -> Path:
        """A file in a folder of the configuration. Raises Problem where it is not one, or elsewhere."""
        found = False
        with suppress(OSError, ValueError):  # a name that is too long, or no name
            path = (folder / name).resolve()
            found = path.is_relative_to(folder.resolve()) and path.is_file()
        if not found:
            there: list[str] = []
            with suppress(OSError):
                there = sorted(visible(each.name) for each in folder.iterdir() if each.is_file())
            known = f"there are {', '.join(there[:20])}" if there else f"the folder {folder.name} has none"
            raise Problem(f"there is no {what} {visible(name)[:80]}: {known}")
        return path

    def submit(self, plan: Plan, said: Message, dry: bool = False) -> list[str]:
        """Have a plan carried out."""
        if dry:
            return [f"would: {plan.title}" + "".join(f"; {each}" for each in plan.warnings)]
        told = "".join(f"; {each}" for each in plan.warnings)
        line = self.jobs.submit(plan, said, told)
        return [line] if line else []

    @property
    def trust(self) -> Trust:
        """Has to do with the host keys that are known."""
        return Trust(self.clouds, self.settings, self.reach, self.jobs.audit, self.confirmations)

    def can_repeat(self, kind: str) -> bool:
        """Whether it is a kind of job that is asked for here."""
        return kind in KINDS

    def again(self, number: int, said: Message) -> list[str]:
        """Ask for a job again, for the machines that were not done, or for all if all were."""
        whole = self.jobs.whole(number)
        if not whole.job.over:
            raise Problem(f"job {number} is not over yet")
        plan = whole.job.plan
        parts = zip(plan.units, whole.units, strict=True)
        left = [unit for unit, part in parts if part.state != Is.DONE or whole.job.state == Is.DONE]
        which = targets(",".join(f"id:{unit.id}" if unit.id else unit.name for unit in left))
        options = dict(plan.request["options"])
        if plan.kind == "put":
            found = self.file_in(self.beside(self.settings().ssh.files), options["file"], "file")
            options["size"], options["sha256"] = digest_of(found)
        with self.jobs.refusals_noted(said):
            if "account" in options:  # its keys as they are now
                options["keys"] = [key.line for key in team_keys(self.settings(), self.beside, options["account"])]
            more = {key: plan.request[key] for key in ("script",) if key in plan.request}
            what = plan.title.removeprefix(f"{plan.kind} ").rpartition(" on ")[0]
            return self.submit(self.planner.plan(plan.kind, which, what, options, **more), said)


def remote_workflows(
    reach: Reach,
    settings: Callable[[], Settings],
    mask: Callable[[], Mask],
    writer: Callable[[], Writer],
    beside: Callable[[str], Path],
) -> dict[str, Workflow]:
    """What is done for each kind of plan."""

    def folder() -> Path:
        return beside(settings().ssh.files)

    flows: dict[str, Callable[[Tools], str]] = {
        "run": run,
        "script": run,
        "put": lambda tools: put(tools, folder()),
        "get": lambda tools: get(tools, folder()),
        "authorize": authorize,
        "deauthorize": deauthorize,
    }

    def bound(flow: Callable[[Tools], str]) -> Workflow:
        return lambda work: flow(Tools(work, reach, writer(), settings, mask))

    return {kind: bound(flow) for kind, flow in flows.items()}


def remote_tellings(jobs: Callable[[], Jobs], database: Database) -> dict[str, Telling]:
    """How each kind of job is told of."""

    def read(job: int, unit: int) -> list[OutputLine]:
        with database.read() as connection:
            return end_of_output(connection, job, unit)

    told = telling(lambda number: jobs().whole(number, after=1 << 60), read)
    quiet = replace(told, ended=lambda job, page: told.ended(job, page)[:1])  # all of it is said of each machine
    return {kind: told if kind in ("run", "script") else quiet for kind in KINDS}
