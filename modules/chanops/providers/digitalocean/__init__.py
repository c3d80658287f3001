"""DigitalOcean, over python-digitalocean.

https://docs.digitalocean.com/reference/api/digitalocean/. The library's objects are used for what they ask for;
what comes back is read from the JSON, since they fail on a machine that has no address yet.
"""

from chanops.providers.base import Can
from chanops.providers.digitalocean.changes import Changes


class DigitalOcean(Changes):
    """One account."""

    can = frozenset({Can.CHARGES_WHEN_OFF, Can.HARD_STOP, Can.RESERVED_ADDRESSES, Can.DNS, Can.PRICES})
