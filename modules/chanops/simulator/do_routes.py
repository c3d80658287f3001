"""The simulated API's table of paths: which function answers what."""

import re
from dataclasses import dataclass

from chanops.simulator import do_account, do_dns, do_droplet_actions, do_droplets, do_images, do_storage
from chanops.simulator.do_calls import Handler
from chanops.simulator.do_records import Refusal, missing


@dataclass(frozen=True)
class Route:
    """A method and a path below /v2 with {} for what varies; `listing` when the answer has pages."""

    method: str
    pattern: str
    handler: Handler
    listing: bool = False


_LISTS: dict[str, Handler] = {
    "account/keys": do_account.keys,
    "actions": do_account.actions,
    "droplets": do_droplets.every,
    "droplets/{}/snapshots": do_droplets.snapshots,
    "droplets/{}/backups": do_droplets.backups,
    "droplets/{}/actions": do_droplets.actions,
    "images": do_images.every,
    "images/{}/actions": do_images.actions,
    "regions": do_account.regions,
    "sizes": do_account.sizes,
    "snapshots": do_images.snapshots,
    "tags": do_account.tags,
    "volumes": do_storage.volumes,
    "volumes/{}/actions": do_storage.volume_actions,
    "volumes/{}/snapshots": do_storage.volume_snapshots,
    "reserved_ips": do_storage.ips,
    "floating_ips": do_storage.ips,
    "domains": do_dns.domains,
    "domains/{}/records": do_dns.records,
}
_REST: list[tuple[str, Handler]] = [
    ("GET account", do_account.account),
    ("POST account/keys", do_account.new_key),
    ("GET account/keys/{}", do_account.key),
    ("PUT account/keys/{}", do_account.rename_key),
    ("DELETE account/keys/{}", do_account.delete_key),
    ("GET actions/{}", do_account.action),
    ("GET customers/my/balance", do_account.balance),
    ("POST droplets", do_droplets.create),
    ("DELETE droplets", do_droplets.destroy_tagged),
    ("GET droplets/{}", do_droplets.one),
    ("DELETE droplets/{}", do_droplets.destroy),
    ("POST droplets/{}/actions", do_droplet_actions.act),
    ("GET droplets/{}/actions/{}", do_droplets.action),
    ("GET images/{}", do_images.one),
    ("PUT images/{}", do_images.change),
    ("DELETE images/{}", do_images.delete),
    ("POST images/{}/actions", do_images.act),
    ("GET images/{}/actions/{}", do_images.action),
    ("GET snapshots/{}", do_images.snapshot),
    ("DELETE snapshots/{}", do_images.delete_snapshot),
    ("POST tags", do_account.new_tag),
    ("GET tags/{}", do_account.tag),
    ("DELETE tags/{}", do_account.delete_tag),
    ("POST tags/{}/resources", do_account.tag_things),
    ("DELETE tags/{}/resources", do_account.tag_things),
    ("POST volumes", do_storage.new_volume),
    ("GET volumes/{}", do_storage.volume),
    ("DELETE volumes/{}", do_storage.delete_volume),
    ("POST volumes/{}/actions", do_storage.act_volume),
    ("POST volumes/{}/snapshots", do_storage.snap_volume),
    ("POST reserved_ips", do_storage.new_ip),
    ("GET reserved_ips/{}", do_storage.ip),
    ("DELETE reserved_ips/{}", do_storage.delete_ip),
    ("POST reserved_ips/{}/actions", do_storage.act_ip),
    ("POST floating_ips", do_storage.new_ip),
    ("GET floating_ips/{}", do_storage.ip),
    ("DELETE floating_ips/{}", do_storage.delete_ip),
    ("POST floating_ips/{}/actions", do_storage.act_ip),
    ("GET domains/{}", do_dns.domain),
    ("POST domains/{}/records", do_dns.new_record),
    ("GET domains/{}/records/{}", do_dns.record),
    ("PUT domains/{}/records/{}", do_dns.change_record),
    ("PATCH domains/{}/records/{}", do_dns.change_record),
    ("DELETE domains/{}/records/{}", do_dns.delete_record),
]


def _rest() -> list[Route]:
    split = [(name.split(" "), handler) for name, handler in _REST]
    return [Route(method, pattern, handler) for (method, pattern), handler in split]


ROUTES = [Route("GET", pattern, handler, True) for pattern, handler in _LISTS.items()] + _rest()


def _tree() -> dict[str, tuple[re.Pattern[str], dict[str, Route]]]:
    """The routes by pattern and then by method."""
    tree: dict[str, tuple[re.Pattern[str], dict[str, Route]]] = {}
    for route in ROUTES:
        compiled = re.compile(re.escape(route.pattern).replace(r"\{\}", "([^/]+)"))
        tree.setdefault(route.pattern, (compiled, {}))[1][route.method] = route
    return tree


_TREE = _tree()


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The route of a path such as "/v2/droplets/5", and what varies in it; Refusal when there is none."""
    wanted = path.removeprefix("/v2/")
    for compiled, methods in _TREE.values():
        matched = compiled.fullmatch(wanted)
        if matched is not None:
            if method not in methods:
                raise Refusal(405, "method_not_allowed", f"{method} is not allowed here.")
            return methods[method], matched.groups()
    raise missing()
