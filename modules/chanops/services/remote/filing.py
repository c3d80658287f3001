"""`.put` and `.get`: files to machines and from them, whole or not at all."""

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from chanops.core.errors import Problem
from chanops.core.machine_sections import NAME
from chanops.core.plan import Plan, Unit
from chanops.core.text import visible
from chanops.core.words import Targets, targets
from chanops.services.files import private_folder
from chanops.services.remote.tools import Tools, took
from chanops.ssh.base import STDOUT

PLACE = re.compile(r"(?P<which>[^/~]*):(?P<path>[/~].*|[^:]+)\Z")
NAMELESS = ("tag", "on", "id", "")
PIECE = 1 << 20


def place(text: str) -> tuple[Targets, str]:
    """WHICH:PATH as machines and a path there. Raises Problem."""
    found = PLACE.match(text)
    if found is None or found["which"].rpartition(",")[2] in NAMELESS:
        raise Problem(f"{visible(text)[:80]!r} must be WHICH:PATH, such as web-*:/etc/motd")
    if visible(found["path"]) != found["path"]:
        raise Problem(f"{visible(found['path'])[:80]!r} has characters that nobody sees")
    return targets(found["which"]), found["path"]


def digest_of(path: Path) -> tuple[int, str]:
    """A file's size, and its SHA-256."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
            size += len(piece)
    return size, found.hexdigest()


def put(tools: Tools, folder: Path) -> str:
    """Write a file there."""
    options = tools.options
    tools.refuse_after_failures("put")

    def do() -> dict[str, Any]:
        path = folder / options["file"]
        try:
            same = digest_of(path) == (options["size"], options["sha256"])
        except OSError:
            same = False
        if not same:
            raise Problem(f"{options['file']} has changed since it was asked for: ask again")
        with path.open("rb") as source, tools.files() as files:
            there = files.put(source, options["path"], None, options["size"])
        if there != options["sha256"]:
            raise Problem(f"{options['path']} there is not what was sent: sha256 {there}")
        return {}

    return stored(tools, "put", do, lambda _: f"{options['size']:,} bytes, sha256 {options['sha256'][:16]}…")


def get(tools: Tools, folder: Path) -> str:
    """Read a file there, into the folder of files."""
    options = tools.options
    tools.refuse_after_failures("get")
    name = PurePosixPath(options["path"]).name or "file"
    place = Path("got", str(tools.work.job), folder_of(tools.work.plan, tools.work.unit), name)

    def do() -> dict[str, Any]:
        target = folder / place
        got = folder / "got"
        folder.mkdir(parents=True, exist_ok=True)
        private_folder(got, "the folder of files that were fetched")
        half = got / f".{tools.work.job}-{tools.work.number}.half"
        try:
            with half.open("wb") as file, tools.files() as files:
                os.fchmod(file.fileno(), 0o600)
                size, sha256 = files.get(options["path"], file, tools.settings().ssh.largest_file)
            for each in (target.parent.parent, target.parent):
                private_folder(each, "the folder of files that were fetched")
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
        return {"size": size, "sha256": sha256}

    return stored(
        tools, "get", do, lambda found: f"{found['size']:,} bytes, sha256 {found['sha256'][:16]}…, in {place}"
    )


def folder_of(plan: Plan, unit: Unit) -> str:
    """The folder for what a machine sends, whatever a cloud calls it: its own, and no other than a folder here."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unit.name).lstrip(".")[:100] or "machine"
    same = [each for each in plan.units if each.name.lower() == unit.name.lower() or not NAME.match(each.name)]
    return name if same == [unit] else f"{name}-{unit.provider}-{plan.units.index(unit)}"


def stored(tools: Tools, name: str, do: Any, told: Any) -> str:
    """Do it, again after a crash, since it may be done twice without harm; what is said, also as its output."""
    found, seconds = tools.repeated(name, do)
    text = told(found)
    tools.work.facts |= {"end": "exited", "status": 0, "seconds": seconds, "host": tools.login.place}
    recorder = tools.recorder()
    recorder.sink(STDOUT, f"{text}\n".encode())
    tools.work.facts |= recorder.finish()
    return f"ok in {took(seconds)}: {text}"
