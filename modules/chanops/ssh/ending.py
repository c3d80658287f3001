"""How a command's process group is ended at the other end.

There is a request for that (RFC 4254, 6.9). OpenSSH before 7.9 does not know it, and later ones refuse it where root
logged in ("session signalling requires privilege separation"); nor may a user signal what sudo runs, nor can anything
be sent to what the first process has left behind. So with OpenSSH the command says its process group in a first line,
which is taken out of its output, and a second session ends all of it.
"""

import re
import secrets
from dataclasses import dataclass, field

MARKED = re.compile(r"SSH-2\.0-(?:OpenSSH_\d|dropbear)")
LONGEST = 65536  # bytes that a login may write before it by its own files


def is_marked(version: str) -> bool:
    """Whether a server that calls itself so hands commands to a shell, and ends none well by a signal."""
    return bool(MARKED.match(version))


@dataclass
class Mark:
    """A first line of output that says the process group."""

    sudo: bool = False
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    held: bytes = b""
    group: int = 0
    over: bool = False

    def before(self, command: bytes) -> bytes:
        """The command, with what says its group before it; in any shell of the Bourne or C kind."""
        return f"echo {self.token} $$; ".encode() + command

    def without(self, data: bytes) -> bytes:
        """Output without the line; it is held back until that is found."""
        if self.over:
            return data
        self.held += data
        found = re.search(self.token.encode() + rb" (\d{1,10})\r?\n", self.held)
        if found:
            self.group, self.over = int(found[1]), True
            held, self.held = self.held, b""
            return held[: found.start()] + held[found.end() :]
        return self.rest() if len(self.held) > LONGEST else b""

    def rest(self) -> bytes:
        """What is held back, where no more comes."""
        self.over = True
        held, self.held = self.held, b""
        return held

    @property
    def ending(self) -> str:
        """The command that ends the group: politely, and after half a second in any case; "" where it is not known."""
        if self.group <= 1:
            return ""
        text = (
            f"kill -s TERM -- -{self.group}; "
            f"for i in 1 2 3 4 5; do kill -s 0 -- -{self.group} || exit 0; sleep 0.1; done; "
            f"kill -s KILL -- -{self.group}; exit 0"
        )
        return f"{'sudo -n ' if self.sudo else ''}sh -c '{text}' 2>/dev/null"
