"""`.trust`: the host keys of machines that are not known yet, shown before they are kept."""

from collections.abc import Callable
from dataclasses import dataclass

from chanops.core.confirm import Confirmations
from chanops.core.errors import Problem, Refused
from chanops.core.message import Message
from chanops.core.public_keys import PublicKey
from chanops.core.sections import Settings
from chanops.core.words import Targets
from chanops.services.audit import Audit, person
from chanops.services.machines.clouds import Clouds
from chanops.services.machines.inventory import look
from chanops.services.remote.planner import away
from chanops.services.remote.reach import Reach
from chanops.ssh.base import Login, NoAnswer

Shown = tuple[Login, PublicKey, dict[str, frozenset[bytes]]]  # the last: what was known then
MOST = 8  # hosts whose fingerprints a person can be expected to compare


@dataclass(frozen=True)
class Trust:
    """Shows host keys, and keeps them once that is confirmed."""

    clouds: Clouds
    settings: Callable[[], Settings]
    reach: Reach
    audit: Audit
    confirmations: Confirmations

    def ask(self, which: Targets, said: Message) -> list[str]:
        """Ask hosts for their keys and show them; the code that keeps them. Raises Problem."""
        seen = look(self.clouds, self.settings)
        found, missed = seen.meant(which)
        if missed or not found:
            raise Problem("; ".join([*map(seen.nothing, missed), *seen.troubles]) or f"nothing matches {which}")
        if gone := away(found):
            raise Problem("; ".join(gone))
        if len(found) > MOST:
            raise Problem(f"that is {len(found)} hosts, and nobody compares more than {MOST} fingerprints: name fewer")
        told, new = [], list[Shown]()
        for machine in found:
            login = self.reach.of(machine)
            line, key = self.shown(login)
            told.append(line)
            if key is not None:
                new.append((login, key, self.reach.known.keys(login.names)))
        if not new:
            return told
        names = ", ".join(login.name for login, _, _ in new)
        return [*told, self.confirmations.ask(f"this trusts {names} by these keys", lambda: self.keep(new, said), said)]

    def shown(self, login: Login) -> tuple[str, PublicKey | None]:
        """What is said of a host's key, and the key where it is not the known one."""
        try:
            key = self.reach.shell.host_key(login, self.settings().ssh.connect_timeout)
        except NoAnswer as problem:
            return f"{login.name}: {problem}", None
        if self.reach.known.revoked(key.blob):
            return f"{login.name} shows {key.fingerprint}, which is REVOKED in known_hosts: it is not trusted", None
        known = self.reach.known.keys(login.names)
        shown = f"{key.type.removeprefix('ssh-')} {key.fingerprint}"
        if key.blob in known.get(key.type, frozenset()):
            return f"{login.name} is known by that key already: {shown}", None
        if not known:
            return f"{login.name} ({login.place}) shows {shown}: compare it with ssh-keygen -l there", key
        was = ", ".join(PublicKey(kind, blob).fingerprint for kind, blobs in known.items() for blob in sorted(blobs))
        return f"{login.name} ({login.place}) SHOWS ANOTHER KEY THAN BEFORE: {shown}; it was {was}", key

    def keep(self, new: list[Shown], said: Message) -> str:
        """Keep what was shown, where all is still as it was then."""
        for login, key, before in new:
            if self.reach.known.keys(login.names) != before or self.reach.known.revoked(key.blob):
                raise Refused(f"what is known of {login.name} has changed since it was shown: ask again")
        for login, key, _ in new:
            self.audit.write("trust", person(said), f"{login.names[0]} {login.place} {key.type} {key.fingerprint}")
            self.reach.known.pin(login.names[0], [key])
        return f"trusted: {', '.join(login.name for login, _, _ in new)}"
