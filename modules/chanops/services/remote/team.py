"""`.authorize` and `.deauthorize`: a team member's public keys, put on machines once, and taken away."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, public_key
from chanops.core.sections import Settings
from chanops.core.ssh_sections import keys_of
from chanops.core.text import near, visible
from chanops.services.remote.filing import stored
from chanops.services.remote.tools import Tools

WHERE = ".ssh/authorized_keys"  # in the home of whoever logs in
FOLDER_MODE, MODE = 0o700, 0o600
MOST = 65536
# sshd(8), AUTHORIZED_KEYS FILE FORMAT: options have no spaces but within quotes, in which \" is no end.
QUOTED = rb'"(?:[^"\\]|\\.)*"'
KEY = re.compile(
    rb"[ \t]*(?:(?:[^ \t\"#]|" + QUOTED + rb")(?:[^ \t\"]|" + QUOTED + rb")*[ \t]+)?"
    rb"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+[ \t]+(?P<blob>[A-Za-z0-9+/]+=*)(?=[ \t\r]|\Z)"
)


def team_keys(settings: Settings, beside: Callable[[str], Path], account: str) -> list[PublicKey]:
    """The public keys of an account, from [key:NAME] or its file. Raises Problem."""
    if account not in settings.keys:
        nearest = near(account, settings.keys)
        known = (
            f"did you mean {nearest}?" if nearest else f"an admin adds [key:{visible(account)[:40]}] with public = …"
        )
        raise Problem(f"there is no key of {visible(account)[:40]}; {known}")
    key = settings.keys[account]
    if key.public:
        return keys_of(account, key, key.public)
    path = beside(key.file)
    try:
        if not path.is_file() or path.stat().st_size > MOST:
            raise Problem(f"[key:{account}] file: {key.file} is no file of at most {MOST} bytes")
        return keys_of(account, key, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"[key:{account}] file: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None


def lines_with(before: bytes, keys: list[PublicKey], account: str) -> bytes:
    """authorized_keys with these keys, each once; what else is there stays byte for byte."""
    there = {blob_in(line) for line in before.split(b"\n")}
    new = {encoded(key): key for key in keys if encoded(key) not in there}
    if not new:
        return before
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    lines = [PublicKey(key.type, key.blob, key.comment or account).line for key in new.values()]
    return before + gap + "".join(f"{line}\n" for line in lines).encode()


def lines_without(before: bytes, keys: list[PublicKey]) -> bytes:
    """authorized_keys without these keys. Raises Problem where nobody would be left."""
    gone = {encoded(key) for key in keys}
    lines = before.split(b"\n")
    kept = [line for line in lines if blob_in(line) not in gone]
    if len(kept) < len(lines) and not any(map(blob_in, kept)):
        raise Problem("it is the only key there, and nobody could log in without it: .authorize another first")
    return b"\n".join(kept)


def encoded(key: PublicKey) -> bytes:
    """A key's blob as files have it."""
    return key.line.split()[1].encode()


def blob_in(line: bytes) -> bytes:
    """The blob of the key in a line of authorized_keys, with options before it or not; nothing where there is none."""
    found = KEY.match(line)
    return found["blob"] if found else b""


def authorize(tools: Tools) -> str:
    """Put keys on one machine."""
    return change(tools, "authorize", lambda keys: lambda before: lines_with(before, keys, tools.options["account"]))


def deauthorize(tools: Tools) -> str:
    """Take keys away from one machine."""
    ours = {key.blob for key in tools.reach.shell.own_keys()}
    if any(public_key(line).blob in ours for line in tools.options["keys"]):
        raise Problem("that is a key with which chanops itself logs in: take it away there by hand")
    return change(tools, "deauthorize", lambda keys: lambda before: lines_without(before, keys))


def change(tools: Tools, name: str, making: Callable[[list[PublicKey]], Callable[[bytes], bytes]]) -> str:
    """Change authorized_keys."""
    tools.refuse_after_failures(name)
    keys = [public_key(line) for line in tools.options["keys"]]
    where = f"{tools.login.user}'s {WHERE}"

    def do() -> dict[str, Any]:
        with tools.files() as files:
            return {"changed": files.change(WHERE, making(keys), FOLDER_MODE, MODE)}

    def told(found: Mapping[str, Any]) -> str:
        verb = {"authorize": "is in", "deauthorize": "is not in"}[name]
        was = "" if found["changed"] else " already"
        return f"{tools.options['account']} {verb} {where}{was}"

    return stored(tools, name, do, told)
