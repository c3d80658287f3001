"""How foreign JSON is read: what is not of the type that was promised is Odd, whatever it is instead."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from chanops.core.text import shorten, visible
from chanops.providers.base import LONG_AGO
from chanops.providers.digitalocean.checks import numeral

LONGEST = 255
MOST = 10**18


class Odd(Exception):
    """What cannot be read of an answer, and where it stands."""


class Thing:
    """An object of the JSON, asked for its fields by type; null is as good as absent."""

    def __init__(self, kind: str, found: Any) -> None:
        self.kind = kind
        if not isinstance(found, dict):
            raise Odd(f"{kind} is no object")
        self.found = found

    def odd(self, field: str, wanted: str) -> Odd:
        """The error that says which thing it is, without whatever else is in it."""
        names = (self.found.get(each) for each in ("id", "slug", "ip", "name"))
        which = next((each for each in names if isinstance(each, str | int) and plain(each)), "")
        return Odd(f"{self.kind} {shorten(plain(which), 40)}".rstrip() + f": {field} is not {wanted}")

    def text(self, field: str) -> str:
        """Text on one line, of a sane length."""
        value = self.found.get(field)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int) or (value and not plain(value)):
            raise self.odd(field, "text")
        return shorten(plain(value), LONGEST)

    def name(self, field: str) -> str:
        """Text that must be there."""
        value = self.text(field)
        if not value.strip():
            raise self.odd(field, "there")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.items(field)
        if not all(isinstance(each, str) for each in values):
            raise self.odd(field, "a list of texts")
        return tuple(shorten(plain(each), LONGEST) for each in values)

    def items(self, field: str) -> list[Any]:
        """A list."""
        value = self.found.get(field)
        if not isinstance(value, list | None):
            raise self.odd(field, "a list")
        return value or []

    def inner(self, field: str) -> "Thing":
        """Another object, empty where it is absent."""
        value = self.found.get(field)
        if not isinstance(value, dict | None):
            raise self.odd(field, "an object")
        return Thing(f"{self.kind}'s {field}", value or {})

    def amount(self, field: str) -> float:
        """A number that is not negative."""
        value = self.found.get(field)
        if value is None:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST:
            raise self.odd(field, "a number")
        return float(value)

    def whole(self, field: str) -> int:
        """The same without a fraction."""
        value = self.amount(field)
        if value != int(value):
            raise self.odd(field, "a whole number")
        return int(value)

    def number(self, field: str) -> str:
        """An id, which must be there."""
        value = self.found.get(field)
        if not isinstance(value, str | int) or not numeral(plain(value)):
            raise self.odd(field, "a number")
        return str(int(value))

    def number_if_any(self, field: str) -> str:
        return "" if self.found.get(field) is None else self.number(field)

    def flag(self, field: str) -> bool:
        """A truth value."""
        value = self.found.get(field)
        if not isinstance(value, bool | None):
            raise self.odd(field, "true or false")
        return bool(value)

    def time(self, field: str) -> datetime:
        """An ISO time."""
        value = self.found.get(field)
        if value is None:
            return LONG_AGO
        try:
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, TypeError, OverflowError):
            raise self.odd(field, "a time") from None

    def address(self, field: str) -> str:
        """An IPv4 address."""
        value = self.text(field)
        try:
            return str(IPv4Address(value)) if value else ""
        except ValueError:
            raise self.odd(field, "an address") from None


def plain(value: str | int) -> str:
    """Text on one line; nothing where it would be a number without end."""
    return visible(value) if isinstance(value, str) else str(value) if abs(value) < MOST else ""
