"""The private keys to log in with: that of a key file, those that an SSH agent holds."""

import base64
import io
import os
import re
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import InternalError, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, pieces, public_key

MOST_OF_AGENT = 5  # a host hangs up after six tries
AGENT_SECONDS = 20.0
MOST_AGENT_SAYS = 256 * 1024
# What is asked of an agent, what it answers, and how an RSA key shall sign.
LIST, LISTED, SIGN, SIGNED = 11, 12, 13, 14
SHA256, SHA512 = 2, 4

LOGIN_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
# All that the loaders were seen to raise where a file is damaged or the passphrase wrong.
UNREADABLE = (ValueError, TypeError, NotImplementedError, InternalError, InvalidTag)
PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
OPENSSH = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END OPENSSH PRIVATE KEY-----")
KIND = re.compile(r"[a-z][a-z0-9@.-]{2,39}\Z")
MAGIC = b"openssh-key-v1\0"
CURVES = ("secp256r1", "secp384r1", "secp521r1")
ANOTHER = "ssh-keygen -t ed25519 makes one that does"


class AgentKey(paramiko.AgentKey):  # type: ignore[misc]  # paramiko ships no types
    """A key of the agent's. Each signature has its own connection: many may sign at once, and an agent may restart."""

    def __init__(self, place: str, blob: bytes) -> None:
        super().__init__(None, blob)
        self.place = place

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> bytes:
        """The signature, as it goes over the wire."""
        strength = SHA256 if algorithm == "rsa-sha2-256" else SHA512 if self.get_name() == "ssh-rsa" else 0
        question = bytes([SIGN]) + piece(self.blob) + piece(data) + strength.to_bytes(4)
        try:
            answer = asked(self.place, question)
            if answer[:1] != bytes([SIGNED]):
                raise paramiko.SSHException("the SSH agent refuses to sign with the key")
            return pieces(answer[1:])[0]
        except (OSError, Problem, IndexError) as error:
            raise paramiko.SSHException(f"the SSH agent does not sign: {error}") from None


@dataclass(frozen=True)
class Identities:
    """The private keys to log in with, read once."""

    keys: tuple[paramiko.PKey, ...]

    def signers(self) -> list[paramiko.PKey]:
        """The keys in the order in which a host is offered them."""
        return list(self.keys)


def identities(key_file: Path | None, passphrase: str, agent: bool) -> Identities:
    """The keys of a file and of the agent that SSH_AUTH_SOCK names. Raises Problem."""
    if key_file is None and not agent:
        raise Problem("no key to log in with: an admin gives [ssh] key_file or agent = yes")
    held = agent_keys() if agent else []
    if key_file is None:
        if not held:
            raise Problem("the SSH agent holds no key to log in with: ssh-add FILE, or give [ssh] key_file")
        return Identities(tuple(held[:MOST_OF_AGENT]))
    key = file_key(key_file, passphrase, held, agent)
    others = [] if find(held, key.asbytes()) else held
    return Identities((key, *others[:MOST_OF_AGENT]))


def file_key(path: Path, passphrase: str, held: Sequence[AgentKey], agent: bool) -> paramiko.PKey:
    """The key in a file; or the agent's, where the file is only its public half, or locked. Raises Problem."""
    beside = path.with_name(f"{path.name}.pub")
    data = contents(path)
    if data is None and agent:
        data = contents(beside)
    if data is None:
        raise Problem(f"there is no key file {path}: ssh-keygen -t ed25519 -f {path} makes one")
    if not PRIVATE.search(data):
        key = find(held, public_half(path, data))
        if key is None and agent:
            raise Problem(f"the SSH agent does not hold the key of {path}: ssh-add its private file")
        if key is None:
            raise Problem(f"{path} is a public key: give [ssh] key_file its private one, or agent = yes")
        return key
    if not encrypted(path, data) or passphrase:
        return opened(path, data, passphrase)
    if not agent:
        raise Problem(f"{path} is encrypted: an admin gives [ssh] key_passphrase, or agent = yes and ssh-add {path}")
    key = find(held, shown_half(path, data, contents(beside)))
    if key is None:
        raise Problem(f"{path} is encrypted, and the SSH agent does not hold it: ssh-add {path}")
    return key


def contents(path: Path) -> bytes | None:
    """What is in a key file; None where there is none. Raises Problem where others may read a private one."""
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Problem(f"cannot read the key file {path}: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and PRIVATE.search(data):
        raise Problem(f"{path}: others may read the private key: chmod 600 {path}")
    return data


def public_half(path: Path, data: bytes) -> bytes:
    """The blob in a file without a private key. Raises Problem."""
    if data.startswith(b"PuTTY-User-Key-File"):
        raise Problem(f"{path} is written as PuTTY does: puttygen {path} -O private-openssh -o NEW writes a new file")
    try:
        key = public_key(data.decode("utf-8", "replace"))
    except Problem:
        raise Problem(f"{path} holds no key that can log in: {ANOTHER}") from None
    refuse_other_types(path, key.type)
    return key.blob


def unwrapped(data: bytes) -> tuple[str, str, bytes] | None:
    """What is never encrypted of a private key in OpenSSH's format: its cipher, its type, its public half."""
    found = OPENSSH.search(data)
    try:
        raw = base64.b64decode(found[1]) if found else b""
    except ValueError:
        return None
    message = paramiko.Message(raw.removeprefix(MAGIC))
    cipher, _, _ = (message.get_binary() for _ in range(3))
    message.get_int()
    kind = kind_of(blob := message.get_binary())
    return (cipher.decode("latin-1"), kind, blob) if raw.startswith(MAGIC) and KIND.match(kind) else None


def kind_of(blob: bytes) -> str:
    """The type that stands at the start of a public half."""
    return str(paramiko.Message(blob).get_binary().decode("latin-1"))


def encrypted(path: Path, data: bytes) -> bool:
    """Whether a private key wants a passphrase. Raises Problem where it can be none of ours."""
    if b"BEGIN OPENSSH" not in data:
        return b"ENCRYPTED" in data
    found = unwrapped(data)
    if found is None:
        raise Problem(broken(path))
    cipher, kind, _ = found
    refuse_other_types(path, kind)
    return cipher != "none"


def shown_half(path: Path, data: bytes, beside: bytes | None) -> bytes:
    """The blob of a private key that is encrypted, which stands in it or in the .pub file beside. Raises Problem."""
    found = unwrapped(data)
    if found:
        return found[2]
    if beside is None:
        raise Problem(f"{path} is encrypted, and no {path.name}.pub beside it says which of the SSH agent's keys it is")
    return public_half(path.with_name(f"{path.name}.pub"), beside)


def opened(path: Path, data: bytes, passphrase: str) -> paramiko.PKey:
    """The private key in a file. Raises Problem."""
    locked = encrypted(path, data)
    load = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in data else serialization.load_pem_private_key
    try:
        key = load(data, passphrase.encode() if locked else None)
    except UnsupportedAlgorithm:
        raise Problem(
            f"{path} is written in a way that only OpenSSH can read: ssh-keygen -p -Z aes256-ctr -f {path}"
        ) from None
    except UNREADABLE:
        if locked:
            raise Problem(f"[ssh] key_passphrase does not open {path}: try it with ssh-keygen -y -f {path}") from None
        raise Problem(broken(path)) from None
    signer = signing(key)
    if signer is None:
        kind = key.curve.name if isinstance(key, EllipticCurvePrivateKey) else type(key).__name__
        raise Problem(useless(path, kind.removesuffix("PrivateKey")))
    try:
        public_key(f"{signer.get_name()} {signer.get_base64()}")
    except Problem as problem:
        raise Problem(f"{path}: {problem}") from None
    return signer


def signing(key: object) -> paramiko.PKey | None:
    """The key as paramiko has it, without reading it a second time; None where it cannot log in."""
    if isinstance(key, RSAPrivateKey):
        return paramiko.RSAKey(key=key)
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    if isinstance(key, Ed25519PrivateKey):
        return paramiko.Ed25519Key(file_obj=io.StringIO(file_of(key)))
    return None


def file_of(key: Ed25519PrivateKey) -> str:
    """A private key as a file of OpenSSH's, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def refuse_other_types(path: Path, kind: str) -> None:
    """Raises Problem where no host lets a key of that type in, or a person would have to touch it."""
    if kind.startswith("sk-"):
        raise Problem(f"{path} works only with a token that somebody touches: {ANOTHER}")
    if kind not in LOGIN_TYPES:
        raise Problem(useless(path, kind))


def useless(path: Path, kind: str) -> str:
    """What is said of a key that no host takes."""
    return f"{path} is a key of type {kind}, which no host takes: {ANOTHER}"


def broken(path: Path) -> str:
    """What is said of a file that is no key, although it looks like one."""
    return f"{path} is cut short or broken: copy it again, until ssh-keygen -y -f {path} can read it"


def find(held: Sequence[AgentKey], blob: bytes) -> AgentKey | None:
    """The agent's key with that public half."""
    return next((each for each in held if each.blob == blob), None)


def agent_keys() -> list[AgentKey]:
    """The keys that the agent holds and that can log in. Raises Problem."""
    place = os.environ.get("SSH_AUTH_SOCK", "")
    if not place:
        raise Problem("[ssh] agent = yes, but SSH_AUTH_SOCK is not set: start chanops where an SSH agent runs")
    try:
        answer = asked(place, bytes([LIST]))
        if answer[:1] != bytes([LISTED]):
            raise Problem("it refuses to list its keys")
        parts = pieces(answer[5:])
    except (OSError, Problem) as error:
        why = getattr(error, "strerror", None) or error
        raise Problem(f"the SSH agent at {place} does not answer ({why}): start it, or set [ssh] agent = no") from None
    return [key for key in (login_key(place, blob) for blob in parts[::2]) if key]


def login_key(place: str, blob: bytes) -> AgentKey | None:
    """A key of the agent's, if it is one that can log in by itself: no certificate, no token."""
    kind = kind_of(blob)
    if kind not in LOGIN_TYPES:
        return None
    try:
        return AgentKey(place, public_key(PublicKey(kind, blob).line).blob)
    except (Problem, paramiko.SSHException, ValueError):
        return None


def asked(place: str, question: bytes) -> bytes:
    """What the agent answers. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(AGENT_SECONDS)
        connection.connect(place)
        connection.sendall(piece(question))
        with connection.makefile("rb") as answers:
            size = int.from_bytes(answers.read(4))
            answer = answers.read(min(size, MOST_AGENT_SAYS))
    if not answer or len(answer) < size:
        raise ConnectionError("it closed the connection")
    return answer


def piece(data: bytes) -> bytes:
    """A piece of data as SSH sends it, its length before it."""
    return len(data).to_bytes(4) + data


def new_host_key() -> tuple[str, PublicKey]:
    """A new key for a host: the private half as a file of OpenSSH's, and the public one."""
    key = Ed25519PrivateKey.generate()
    shown = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return file_of(key), public_key(shown.decode())
