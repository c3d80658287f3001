"""The example configuration: every section and key, its default, and what it is for."""

from collections.abc import Iterator, Mapping

from chanops.core.sections import NAMED, SINGLE
from chanops.core.settings import Key, keys_of

HEAD = """\
# chanops: every setting, its default, and what it is for.
#
# Write your own with `(umask 077; chanops example-config > config.ini)`, change what differs, delete the rest.
# Nobody but the bot may be able to read it. A secret may stand elsewhere: instead of `password = …`
# write `password_file = PATH` or `password_env = NAME`.
"""
NAMES = {
    "network": "network:example",
    "channel": "channel:#ops",
    "provider": "provider:do",
    "machine": "machine:scraper-*",
    "host": "host:backup",
    "key": "key:alice",
}
FIRST_VALUES = {
    ("network", "host"): "irc.example.net",
    ("network", "channels"): "#ops",
    ("provider", "kind"): "digitalocean",
    ("provider", "token"): "0123456789abcdef",
    ("machine", "size"): "s-2vcpu-4gb",
    ("machine", "region"): "fra1",
    ("machine", "image"): "debian-13-x64",
    ("host", "address"): "backup.example.org",
    ("key", "public"): "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG/G9I03OLwT+p8LyXonI6BE+m4xbzH5ag7C6bBpeTqA alice@laptop",
}
ROLES = """\
# Who may do what: ROLE = accounts, separated by spaces. Accounts are those of the network's services, never
# nicks; * is anybody who is logged in. With several networks, write NETWORK/ACCOUNT.
[roles]
; admin = alice
; ops = alice bob
"""


def example(plugins: Mapping[str, type]) -> str:
    """The text of config.example.ini, with the sections of these plugins."""
    single = {name: section(name, name, cls) for name, cls in SINGLE.items()}
    named = {kind: section(NAMES[kind], kind, cls) for kind, cls in NAMED.items()}
    others = [section(name, name, cls) for name, cls in plugins.items()]
    talk = [single["bot"], named["network"], named["channel"], single["database"]]
    read = [single["web"], single["feed"], single["titles"], ROLES]
    ours = [
        *talk,
        *read,
        named["provider"],
        named["machine"],
        named["host"],
        single["ssh"],
        named["key"],
        single["jobs"],
    ]
    return "\n".join([HEAD, *ours, *others])


def section(name: str, kind: str, cls: type) -> str:
    """One section."""
    return "\n".join([*comment(cls.__doc__ or ""), f"[{name}]", *keys(kind, cls)]) + "\n"


def keys(kind: str, cls: type) -> Iterator[str]:
    for key in keys_of(cls):
        yield from comment(key.purpose)
        yield f"{key.name} = {FIRST_VALUES.get((kind, key.name), shown(key))}".rstrip()


def shown(key: Key) -> str:
    """A default as it is written in the file; a secret's never is."""
    if key.secret or key.default is None:
        return ""
    if isinstance(key.default, bool):
        return "yes" if key.default else "no"
    if isinstance(key.default, tuple):
        return " ".join(map(str, key.default))
    return f"{key.default:.15g}" if isinstance(key.default, float) else str(key.default)


def comment(text: str) -> list[str]:
    return [f"# {line.strip()}" for line in text.strip().splitlines() if line.strip()]
