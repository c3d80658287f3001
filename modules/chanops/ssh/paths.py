"""Paths on a host: as people write them, as SFTP has them, as they are shown."""

from chanops.core.errors import Problem
from chanops.core.text import shorten, visible

LONGEST_SHOWN = 120  # characters of a path, or of what a host says


def at(path: str) -> bytes:
    """A path as SFTP has it; what is relative, or begins with ~/, is in the login user's home."""
    if path.startswith("~"):
        if path != "~" and not path.startswith("~/"):
            raise Problem(f"{shown(path)}: write the whole path, or ~/ for the login user's home")
        path = path[1:].lstrip("/") or "."
    if not path or "\0" in path:
        raise Problem("that is no path")
    try:
        return path.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise Problem(f"{shown(path)} is no path: it has half a character in it") from None


def shown(text: str | bytes) -> str:
    """What a person, or a host, calls something, for one line."""
    return shorten(visible(text if isinstance(text, str) else text.decode(errors="replace")), LONGEST_SHOWN)
