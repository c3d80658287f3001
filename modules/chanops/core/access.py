"""Who may do what: roles, given to services accounts and to nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass

from chanops.core.errors import Problem
from chanops.core.message import Message

FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
ANYBODY_IDENTIFIED = "*"


def fold(name: str) -> str:
    """A name as accounts are compared: only A to Z are folded.

    Unicode's own rules make the Kelvin sign a k; and what is equal here is equal under every CASEMAPPING.
    """
    return name.translate(FOLD)


@dataclass(frozen=True)
class Roles:
    """Which roles each account has; an account belongs to one network."""

    members: Mapping[str, frozenset[tuple[str, str]]]

    @staticmethod
    def of(configured: Mapping[str, tuple[str, ...]], networks: tuple[str, ...]) -> "Roles":
        """From the configuration: ROLE = account account …, or network/account where there are several networks."""
        return Roles(
            {role: frozenset(member(each, role, networks) for each in names) for role, names in configured.items()}
        )

    def held_by(self, said: Message) -> frozenset[str]:
        """The roles of whoever said this line. Without an account on the line there is none."""
        if not said.account:
            return frozenset()
        them = {(said.network, fold(said.account)), (said.network, ANYBODY_IDENTIFIED), ("", ANYBODY_IDENTIFIED)}
        return frozenset(role for role, members in self.members.items() if members & them)

    def refusal(self, role: str, said: Message) -> str:
        """Why somebody without a role is refused, and what to do about it; "" when they have it."""
        if role in self.held_by(said):
            return ""
        if not said.account:
            return f"this needs the role {role}, and you are not logged in to services here: log in and say it again"
        return f"this needs the role {role}, which the account {said.account} does not have; an admin can give it"


def is_form_of(nick: str, wanted: str) -> bool:
    """Whether a nick is the wanted one, or one that was taken since that was not free."""
    return bool(wanted) and fold(nick).rstrip("_0123456789") == fold(wanted).rstrip("_0123456789")


def member(text: str, role: str, networks: tuple[str, ...]) -> tuple[str, str]:
    """One member of a role as (network, folded account)."""
    network, slash, account = text.rpartition("/")
    if not account.isascii():
        raise Problem(f"[roles] {role}: {text!r} has letters that are not ASCII; accounts that look alike are refused")
    if account == ANYBODY_IDENTIFIED and not slash:
        return "", ANYBODY_IDENTIFIED
    if not account:
        raise Problem(f"[roles] {role}: {text}: there is no account behind the slash")
    if slash and network not in networks:
        raise Problem(f"[roles] {role}: {text}: there is no [network:{network}]")
    if not slash and len(networks) > 1:
        raise Problem(f"[roles] {role}: say on which network {text} is meant, such as {networks[0]}/{text}")
    return network or (networks[0] if networks else ""), fold(account)
