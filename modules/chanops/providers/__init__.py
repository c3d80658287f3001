"""One cloud a room, one SDK a room; `base` is what they share."""

from collections.abc import Callable
from importlib import import_module

from chanops.core.machine_sections import ProviderSettings
from chanops.providers.base import Provider


def open_provider(
    name: str, settings: ProviderSettings, may_act: Callable[[], None], may_ask: Callable[[], None] = lambda: None
) -> Provider:
    """The cloud that a section names; its SDK is read only here, since each costs 0.1 to 0.5 s.

    `may_act` is called just before each request that changes anything, `may_ask` before each other one; they raise
    where it must not be sent.
    """
    provider: Provider = import_module("chanops.providers.digitalocean").DigitalOcean(name, settings, may_act, may_ask)
    return provider
