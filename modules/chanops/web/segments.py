"""Addresses with names in them: a slash of a name, written as %2F, is no slash between names."""

from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope

SLASH = "\ud800"  # stands for one while routes are compared: a text that was decoded never holds it


class NameRoute(Route):
    """A route that is compared with the address as it was asked for."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether an address is meant."""
        raw = scope.get("raw_path") or b""
        if b"%2F" not in raw.upper():
            return super().matches(scope)
        pieces = (unquote(each).replace("/", SLASH) for each in raw.decode("latin-1").split("/"))
        match, child = super().matches({**scope, "path": "/".join(pieces)})
        if match != Match.NONE:
            params = child["path_params"].items()
            child["path_params"] = {name: text.replace(SLASH, "/") for name, text in params}
        return match, child
