"""The sections about SSH: how the machines are reached, and whose keys are put on them."""

from collections.abc import Mapping

from chanops.core.errors import Problem
from chanops.core.machine_sections import NAME, NAME_RULE, NO_SECRET, HostSettings, MachineSettings, between
from chanops.core.public_keys import PublicKey, public_keys
from chanops.core.settings import Line, OneWord, Seconds, Secret, WordOrNothing, section


@section
class SshSettings:
    """How the machines are reached; without key_file and agent they are not."""

    user: OneWord = "root"
    """Who logs in, where a machine's own section says nothing else."""
    key_file: str = ""
    """The private key to log in with, relative to this file; OpenSSH's format or PEM."""
    key_passphrase: Secret = NO_SECRET
    """What it is encrypted with."""
    agent: bool = False
    """Whether to ask the SSH agent (SSH_AUTH_SOCK) for keys; a public key as key_file says which."""
    known_hosts: str = ""
    """Where host keys are kept, in OpenSSH's format; empty is a file of chanops' own in data_dir."""
    jump: WordOrNothing = ""
    """The [host:NAME] through which all others are reached."""
    parallel: int = 50
    """Machines on which one command runs at once."""
    connect_timeout: Seconds = 10.0
    """How long it may take until we are logged in."""
    timeout: Seconds = 600.0
    """How long a command may run where nobody says timeout=."""
    wait: Seconds = 300.0
    """How long a new machine may take until it answers SSH."""
    idle: Seconds = 120.0
    """How long a connection that nobody uses is kept."""
    keep_output: int = 262144
    """Characters of output to keep for each machine: half of them from the end of each stream."""
    most_output: int = 100_000_000
    """Bytes of output after which a command is ended."""
    files: str = "files"
    """The folder of the files that .put sends, and where .get puts what it fetches; relative to this file."""
    scripts: str = "scripts"
    """The folder of the scripts that .script runs; relative to this file."""
    largest_file: int = 1_000_000_000
    """Bytes that a file of .put and .get may have."""

    @property
    def on(self) -> bool:
        """Whether there is anything to log in with."""
        return bool(self.key_file or self.agent)


@section
class KeySettings:
    """A team member's public keys, for .authorize; NAME is their services account."""

    public: Line = ""
    """The key, as in their .pub file."""
    file: str = ""
    """A file with keys, one a line, relative to this file; instead of public."""


SSH_SINGLE = {"ssh": SshSettings}
SSH_NAMED = {"key": KeySettings}


def check_ssh(
    ssh: SshSettings,
    keys: Mapping[str, KeySettings],
    hosts: Mapping[str, HostSettings],
    machines: Mapping[str, MachineSettings],
) -> None:
    """What can only be seen in more than one key. Raises Problem."""
    for name, most in {"connect_timeout": 3600, "timeout": 7 * 86400, "wait": 3600, "idle": 86400}.items():
        between(f"[ssh] {name}", getattr(ssh, name), 0.1, most)
    between("[ssh] parallel", ssh.parallel, 1, 1000)
    between("[ssh] keep_output", ssh.keep_output, 1024, 64 << 20)
    between("[ssh] most_output", ssh.most_output, ssh.keep_output, 1 << 40)
    between("[ssh] largest_file", ssh.largest_file, 1, 1 << 40)
    for folder in ("files", "scripts"):
        if not getattr(ssh, folder) or ".." in getattr(ssh, folder).split("/"):
            raise Problem(f"[ssh] {folder} must be a folder, without .. in it")
    jumps = {"[ssh]": ssh.jump, **{f"[host:{name}]": each.jump for name, each in hosts.items()}}
    jumps |= {f"[machine:{name}]": each.jump for name, each in machines.items()}
    for shown, jump in jumps.items():
        if jump and jump not in hosts:
            raise Problem(f"{shown} jump: there is no [host:{jump}]")
    for name, host in hosts.items():
        if host.jump and hosts[host.jump].jump:
            raise Problem(f"[host:{name}] jump: {host.jump} is reached through another itself, and one is the most")
    for name, key in keys.items():
        if not NAME.match(name.replace("_", "x")):
            raise Problem(f"[key:{name}]: its name must be an account: {NAME_RULE}")
        if bool(key.public) == bool(key.file):
            raise Problem(f"[key:{name}]: give either public or file")
        if key.public:
            keys_of(name, key, key.public)


def keys_of(name: str, key: KeySettings, text: str) -> list[PublicKey]:
    """The keys of a section, or of its file's text. Raises Problem."""
    try:
        found = public_keys(text)
    except Problem as problem:
        raise Problem(f"[key:{name}] {'public' if key.public else key.file}: {problem}") from None
    if not found:
        raise Problem(f"[key:{name}] {key.file or 'public'}: there is no key in it")
    return found
