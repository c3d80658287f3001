"""Public keys of people and of machines, as OpenSSH writes them: a type, its data in base64, a comment."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from chanops.core.errors import Problem
from chanops.core.text import shorten, visible

# What a key's data holds after its type, each a check of one piece.
Shape = tuple[Callable[[bytes], bool], ...]

MOST_TEXT = 16384
LEAST_RSA, MOST_RSA = 1024, 16384  # bits, as OpenSSH has it
BLANKS = re.compile("[ \t]+")
LINE_END = re.compile("[\r\n]")
MAKE_ONE = "make one with ssh-keygen -t ed25519"
NO_KEY = "that is no public key: give the line of a .pub file, such as ssh-ed25519 AAAA… you@laptop"
BROKEN = "that public key is cut short or mistyped: copy its whole line again"


@dataclass(frozen=True)
class PublicKey:
    """A public key; the blob is its data as it goes over the wire."""

    type: str
    blob: bytes
    comment: str = ""

    @property
    def line(self) -> str:
        """As a .pub file has it."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}" + (f" {self.comment}" if self.comment else "")

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def is_size(size: int) -> Callable[[bytes], bool]:
    """A piece of that many bytes."""
    return lambda piece: len(piece) == size


def is_point(size: int) -> Callable[[bytes], bool]:
    """A point of a curve, both halves given, of that many bytes each."""
    return lambda piece: len(piece) == 2 * size + 1 and piece[0] == 4


def is_number(piece: bytes) -> bool:
    """A number above 0, without a byte too many."""
    number = int.from_bytes(piece, signed=True)
    return number > 0 and len(piece) == number.bit_length() // 8 + 1


def is_any(piece: bytes) -> bool:
    """A piece of which nothing is asked."""
    return True


SHAPES: dict[str, Shape] = {
    "ssh-ed25519": (is_size(32),),
    "ssh-rsa": (is_number, is_number),
    "ecdsa-sha2-nistp256": (b"nistp256".__eq__, is_point(32)),
    "ecdsa-sha2-nistp384": (b"nistp384".__eq__, is_point(48)),
    "ecdsa-sha2-nistp521": (b"nistp521".__eq__, is_point(66)),
    "sk-ssh-ed25519@openssh.com": (is_size(32), is_any),
    "sk-ecdsa-sha2-nistp256@openssh.com": (b"nistp256".__eq__, is_point(32), is_any),
}


def pieces(data: bytes) -> list[bytes]:
    """The pieces that data of SSH is made of, each with its length before it; raises Problem where it is cut."""
    found, place = [], 0
    while place < len(data):
        start = place + 4
        place = start + int.from_bytes(data[place:start])
        if place > len(data):
            raise Problem(BROKEN)
        found.append(data[start:place])
    return found


def public_key(text: str) -> PublicKey:
    """The key in one line of a .pub file. Its comment is safe to show. Raises Problem."""
    text = text.strip(" \t\r\n")
    words = BLANKS.split(text, maxsplit=2)
    if words[0] not in SHAPES or len(text) > MOST_TEXT or LINE_END.search(text):
        raise Problem(refusal(text, words[0]))
    if len(words) < 2:
        raise Problem(BROKEN)
    key = PublicKey(words[0], decoded(words[1]), visible(words[2]) if len(words) > 2 else "")
    check(key)
    return key


def public_keys(text: str) -> list[PublicKey]:
    """The keys of several lines, where empty lines and # comments do not count. Raises Problem."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip(" \t\r") and not line.lstrip(" \t").startswith("#"):
            try:
                found.append(public_key(line))
            except Problem as problem:
                raise Problem(f"line {number}: {problem}") from None
    return found


def decoded(data: str) -> bytes:
    """The bytes of base64 that is written as OpenSSH writes it; raises Problem."""
    try:
        blob = base64.b64decode(data)
    except ValueError:
        raise Problem(BROKEN) from None
    if base64.b64encode(blob).decode() != data:
        raise Problem(BROKEN)
    return blob


def check(key: PublicKey) -> None:
    """Raises Problem where the blob is not what its type says, or too weak."""
    kind, *rest = pieces(key.blob) or [b""]
    shape = SHAPES[key.type]
    if kind != key.type.encode() or len(rest) != len(shape):
        raise Problem(BROKEN)
    if not all(fits(piece) for fits, piece in zip(shape, rest, strict=True)):
        raise Problem(BROKEN)
    if key.type == "ssh-rsa":
        bits = int.from_bytes(rest[1]).bit_length()
        if bits < LEAST_RSA:
            raise Problem(f"an RSA key of {bits} bits is too weak: {MAKE_ONE}")
        if bits > MOST_RSA:
            raise Problem(BROKEN)


def refusal(text: str, kind: str) -> str:
    """Why a text is refused that is not one line with a type of key at its start."""
    if "PRIVATE KEY" in text:
        return "that is a PRIVATE key, and whoever saw it can use it: make a new pair, and give only its .pub file"
    if "BEGIN" in text and "PUBLIC KEY" in text:
        return "that is a public key in another format: ssh-keygen -i -f FILE shows it in OpenSSH's"
    if kind == "ssh-dss":
        return f"DSA keys are no longer let in: {MAKE_ONE}"
    if kind.endswith("-cert-v01@openssh.com"):
        return "that is a certificate: give the public key that it was made for, from the .pub file without -cert"
    if kind in SHAPES:
        return "that is more than one public key: give one line of a .pub file"
    if any(word in SHAPES for word in BLANKS.split(text)):
        return "give only the key, from its type on: what stands before that is not taken"
    if kind.startswith(("ssh-", "ecdsa-", "sk-")):
        return f"no key of type {shorten(visible(kind), 40)} is taken: {MAKE_ONE}"
    return NO_KEY
