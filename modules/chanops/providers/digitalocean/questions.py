"""What is asked of DigitalOcean."""

import threading
import time
from typing import Any

from digitalocean import Manager

from chanops.core.machine_sections import ProviderSettings
from chanops.providers import base
from chanops.providers.base import NotFound
from chanops.providers.digitalocean import shapes
from chanops.providers.digitalocean.transport import HOME, Account, register

KEYS_FOR = 60.0  # seconds: the list of keys may be read ten times a minute only
PAGE = 200
STILL = 300.0  # seconds for which sizes and regions are kept


class Questions:
    """The account, as it is asked."""

    def __init__(self, name: str, settings: ProviderSettings, may_act: Any) -> None:
        self.name = name
        endpoint = f"{settings.endpoint.rstrip('/')}/" if settings.endpoint else HOME
        token = settings.token.get_secret_value()
        self.transport = Account(name, token, endpoint, settings.per_minute, may_act)
        register(self.transport)
        self.kept: dict[str, tuple[float, Any]] = {}
        self.lock = threading.Lock()

    def ask(self, path: str, method: str = "GET", **params: Any) -> Any:
        """A request by the library; lists come with all their pages."""
        return Manager(token=self.transport.token).get_data(path, type=method, params=params)

    def listed(self, path: str, key: str, **params: Any) -> list[Any]:
        """A whole list; raises where the answer has none."""
        found = self.ask(path, **params).get(key)
        if not isinstance(found, list):
            raise base.Unreachable(f"{self.name}: its answer has no {key}")
        return found

    def keep(self, what: str, seconds: float, fetch: Any) -> Any:
        """What was fetched not longer ago than that."""
        with self.lock:
            at, value = self.kept.get(what, (0.0, None))
            if value is None or time.monotonic() - at > seconds:
                value = fetch()
                self.kept[what] = time.monotonic(), value
            return value

    def machines(self) -> list[base.Machine]:
        """All droplets."""
        return [shapes.machine(self.name, each) for each in self.listed("droplets", "droplets", per_page=PAGE)]

    def machine(self, id: str) -> base.Machine:
        """One droplet."""
        return shapes.machine(self.name, self.ask(f"droplets/{shapes.number(id)}")["droplet"])

    def images(self, own: bool) -> list[base.Image]:
        """Own images, or distributions and applications."""
        if own:
            return [shapes.image(each) for each in self.listed("images", "images", private="true", per_page=PAGE)]
        kinds = ("distribution", "application")
        found = [each for kind in kinds for each in self.listed("images", "images", type=kind, per_page=PAGE)]
        return [shapes.image(each) for each in found]

    def snapshots(self) -> list[base.Image]:
        """Snapshots of droplets: those that are listed both as snapshot, with size and origin, and as image, ready."""
        listed = self.listed("snapshots", "snapshots", resource_type="droplet", per_page=PAGE)
        if not listed:
            return []
        ready = {image.id for image in self.images(own=True) if image.available}
        return [shapes.snapshot(each, str(each.get("id")) in ready) for each in listed]

    def sizes(self) -> list[base.Size]:
        """All sizes."""
        sizes: list[base.Size] = self.keep(
            "sizes", STILL, lambda: [shapes.size(each) for each in self.listed("sizes", "sizes", per_page=PAGE)]
        )
        return sizes

    def regions(self) -> list[base.Region]:
        """All regions."""
        regions: list[base.Region] = self.keep(
            "regions", STILL, lambda: [shapes.region(each) for each in self.listed("regions", "regions", per_page=PAGE)]
        )
        return regions

    def keys(self) -> list[base.Key]:
        """The account's SSH keys."""
        keys: list[base.Key] = self.keep(
            "keys", KEYS_FOR, lambda: [shapes.key(each) for each in self.listed("account/keys", "ssh_keys")]
        )
        return keys

    def reserved(self) -> list[base.Reserved]:
        """Reserved addresses."""
        return [shapes.reserved(each) for each in self.listed("reserved_ips", "reserved_ips", per_page=PAGE)]

    def account(self) -> base.Account:
        """The account, and what it used this month where the token may see that."""
        account = self.ask("account")["account"]
        try:
            used = str(self.ask("customers/my/balance").get("month_to_date_usage", ""))
        except (base.AuthError, NotFound):
            used = ""
        return base.Account(str(account.get("email", "")), int(account.get("droplet_limit") or 0), used)

    def actions(self) -> list[base.Action]:
        """The newest two hundred actions of the account."""
        return [shapes.action(each) for each in self.ask("actions", page=1, per_page=PAGE).get("actions", [])]

    def action(self, id: str) -> base.Action:
        """One action."""
        return shapes.action(self.ask(f"actions/{shapes.number(id)}")["action"])
