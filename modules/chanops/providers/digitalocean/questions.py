"""What is asked of DigitalOcean."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from chanops.core.machine_sections import ProviderSettings
from chanops.providers import base
from chanops.providers.base import NotFound, Unreachable
from chanops.providers.digitalocean.checks import as_number
from chanops.providers.digitalocean.kept import Kept
from chanops.providers.digitalocean.reading import Odd, Thing
from chanops.providers.digitalocean.shapes import (
    account_of,
    action_of,
    image_of,
    key_of,
    machine_of,
    region_of,
    reserved_of,
    size_of,
    snapshot_of,
    words_of,
)
from chanops.providers.digitalocean.transport import Account

T = TypeVar("T")
PAGE = 200
MOST_PAGES = 200
READINGS = 3  # of a list that became shorter while it was read, so that something may have slipped from page to page
KEYS_FOR = 60.0  # seconds: the list of keys may be read ten times a minute only
STILL = 300.0  # seconds for which sizes and regions are kept


class Questions:
    """The account, as it is asked."""

    def __init__(
        self, name: str, settings: ProviderSettings, may_act: Callable[[], None], may_ask: Callable[[], None]
    ) -> None:
        self.name = name
        token = settings.token.get_secret_value()
        self.transport = Account(name, token, settings.endpoint, settings.per_minute, may_act, may_ask)
        kept = (("sizes", "sizes", size_of, STILL), ("regions", "regions", region_of, STILL))
        keys = ("account/keys", "ssh_keys", key_of, KEYS_FOR)
        self.kept = {
            key: Kept(most, partial(self.listed, path, key, shape)) for path, key, shape, most in (*kept, keys)
        }

    def read(self, shape: Callable[[Any], T], found: Any) -> T:
        """What an answer says. Raises Unreachable where it is not as it should be."""
        try:
            return shape(found)
        except Odd as odd:
            raise Unreachable(f"{self.name}: its answer cannot be read: {odd}") from None

    def listed(self, path: str, key: str, shape: Callable[[Any], T], **params: Any) -> list[T]:
        """A whole list, or an error; never a part."""
        for _ in range(READINGS):
            found, steady = self.pages(path, key, params)
            if steady:
                return [self.read(shape, each) for each in found]
        raise Unreachable(f"{self.name}: its {key} change faster than they can be listed")

    def pages(self, path: str, key: str, params: dict[str, Any]) -> tuple[list[Any], bool]:
        """All pages, each thing once; and whether the list did not become shorter meanwhile."""
        found: list[Any] = []
        totals: list[float] = []
        for page in range(1, MOST_PAGES + 1):
            more, total = self.page(path, key, {**params, "page": page, "per_page": PAGE}, found)
            totals.append(total)
            if not more:
                break
        else:
            raise Unreachable(f"{self.name}: its list of {key} has no end")
        if len(totals) > 1:
            found = list({self.read(partial(identity, key), each): each for each in found}.values())
        return found, totals == sorted(totals)

    def page(self, path: str, key: str, params: dict[str, Any], found: list[Any]) -> tuple[bool, float]:
        """Add a page to what was found; whether there are more, and how many things there are in all."""
        answer = self.transport.ask("GET", path, params)

        def read(answer: Any) -> tuple[bool, float]:
            thing = Thing(key, answer)
            if not isinstance(answer.get(key), list):
                raise thing.odd(key, "a list")
            found.extend(thing.items(key))
            total = thing.inner("meta").amount("total")
            more = self.transport.leads_on(thing.inner("links").inner("pages").text("next"))
            if not more and len(thing.items(key)) >= PAGE and total > len(found):
                raise thing.odd(key, "whole")
            return more, total

        return self.read(read, answer)

    def one(self, path: str, key: str, shape: Callable[[Any], T]) -> T:
        """One thing."""
        answer = self.transport.ask("GET", path, {})
        return self.read(shape, answer.get(key))

    def machines(self) -> list[base.Machine]:
        """All droplets."""
        return self.listed("droplets", "droplets", partial(machine_of, self.name))

    def machine(self, id: str) -> base.Machine:
        """One droplet."""
        return self.one(f"droplets/{as_number(id)}", "droplet", partial(machine_of, self.name))

    def images(self, own: bool) -> list[base.Image]:
        """Own images, or distributions and applications."""
        if own:
            return self.listed("images", "images", image_of, private="true")
        kinds = ("distribution", "application")
        return [each for kind in kinds for each in self.listed("images", "images", image_of, type=kind)]

    def snapshots(self) -> list[base.Image]:
        """Snapshots of droplets: those that are listed both as snapshot, with size and origin, and as image, ready."""
        listed = self.listed("snapshots", "snapshots", snapshot_of, resource_type="droplet")
        ready = {image.id for image in self.images(own=True) if image.available} if listed else set()
        return [replace(each, available=each.id in ready) for each in listed]

    def sizes(self) -> list[base.Size]:
        """All sizes."""
        return self.kept["sizes"].get()

    def regions(self) -> list[base.Region]:
        """All regions."""
        return self.kept["regions"].get()

    def keys(self) -> list[base.Key]:
        """The account's SSH keys."""
        return self.kept["ssh_keys"].get()

    def reserved(self) -> list[base.Reserved]:
        """Reserved addresses."""
        return self.listed("reserved_ips", "reserved_ips", reserved_of)

    def account(self) -> base.Account:
        """The account, and what it used this month where the token may see that."""
        try:
            used = self.one("customers/my/balance", "month_to_date_usage", words_of)
        except (base.AuthError, NotFound):
            used = ""
        return self.one("account", "account", lambda found: account_of(found, used))

    def actions(self) -> list[base.Action]:
        """The newest two hundred actions of the account."""
        found: list[Any] = []
        self.page("actions", "actions", {"page": 1, "per_page": PAGE}, found)
        return [self.read(action_of, each) for each in found]

    def machine_actions(self, id: str) -> list[base.Action]:
        """The newest two hundred actions of a droplet."""
        found: list[Any] = []
        self.page(f"droplets/{as_number(id)}/actions", "actions", {"page": 1, "per_page": PAGE}, found)
        return [self.read(action_of, each) for each in found]

    def identity(self) -> str:
        """The account's uuid."""
        try:
            return self.one("account", "account", lambda found: words_of(found.get("uuid")))
        except (base.AuthError, NotFound):
            return ""

    def action(self, id: str) -> base.Action:
        """One action."""
        return self.one(f"actions/{as_number(id)}", "action", action_of)


def identity(key: str, found: Any) -> str:
    """What tells a thing of a list from the others."""
    thing = Thing(key, found)
    names = (thing.text(each) for each in ("id", "slug", "ip", "name"))
    return next((each for each in names if each), "") or thing.name("id")
