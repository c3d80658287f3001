"""`.authorize` and `.deauthorize`: a team member's public keys, put on machines once, and taken away."""

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
    missing = [key for key in keys if not has(before, key)]
    if not missing:
        return before
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    new = [PublicKey(key.type, key.blob, key.comment or account).line for key in missing]
    return before + gap + "".join(f"{line}\n" for line in new).encode()


def lines_without(before: bytes, keys: list[PublicKey]) -> bytes:
    """authorized_keys without these keys. Raises Problem where nobody would be left."""
    lines = before.splitlines(keepends=True)
    kept = [line for line in lines if not any(has(line, key) for key in keys)]
    if len(kept) < len(lines) and not any(is_key(line) for line in kept):
        raise Problem("it is the only key there, and nobody could log in without it: .authorize another first")
    return b"".join(kept)


def has(lines: bytes, key: PublicKey) -> bool:
    """Whether a key is in some lines, that are no comments, whatever stands around it."""
    wanted = key.line.split()[1].encode()
    return any(wanted in line.split() for line in lines.splitlines() if is_key(line))


def is_key(line: bytes) -> bool:
    """Whether a line holds a key."""
    return bool(line.strip()) and not line.lstrip().startswith(b"#")


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
