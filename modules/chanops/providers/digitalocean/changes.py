"""What is changed at DigitalOcean: each method is one request, or a few that can be sent again without harm."""

from collections.abc import Sequence
from typing import Any

from digitalocean import Droplet, Image, Tag

from chanops.providers import base
from chanops.providers.base import BadRequest, Order
from chanops.providers.digitalocean import shapes
from chanops.providers.digitalocean.questions import PAGE, Questions


class Changes(Questions):
    """The account, as it is changed; what must be looked up for that is asked."""

    def droplet(self, id: str) -> Droplet:
        return Droplet(token=self.transport.token, id=shapes.number(id))

    def create(self, order: Order) -> base.Machine:
        """Ask for a droplet. The library's own create() would send keys it does not know as new ones."""
        wanted: dict[str, Any] = {
            "name": order.name,
            "size": order.size,
            "region": order.region,
            "image": int(order.image) if order.image.isdecimal() else order.image,
            "ssh_keys": [int(each) if each.isdecimal() else each for each in order.keys],
            "tags": list(order.tags),
            "backups": order.backups,
            "ipv6": order.ipv6,
            "monitoring": order.monitoring,
        }
        optional = {"user_data": order.script, "volumes": list(order.volumes), "vpc_uuid": order.network}
        wanted |= {key: value for key, value in optional.items() if value}
        answer = self.ask("droplets", "POST", **wanted)
        return shapes.machine(self.name, answer["droplet"])

    def start(self, id: str) -> str:
        """power_on."""
        return acted(self.droplet(id).power_on())

    def shut_down(self, id: str) -> str:
        """shutdown: the request is delivered, no more."""
        return acted(self.droplet(id).shutdown())

    def cut_power(self, id: str) -> str:
        """power_off."""
        return acted(self.droplet(id).power_off())

    def reboot(self, id: str) -> str:
        """reboot."""
        return acted(self.droplet(id).reboot())

    def resize(self, id: str, size: str, disk: bool) -> str:
        """resize; the library sends "true" where the API wants true."""
        return acted(self.act(id, {"type": "resize", "size": size, "disk": disk}))

    def act(self, id: str, wanted: dict[str, Any]) -> Any:
        return self.ask(f"droplets/{shapes.number(id)}/actions", "POST", **wanted)

    def rename(self, id: str, name: str) -> str:
        """rename."""
        return acted(self.droplet(id).rename(name))

    def snapshot(self, id: str, name: str) -> str:
        """snapshot; never the library's power_off=True, which does not look whether the power is off."""
        return acted(self.droplet(id).take_snapshot(name))

    def rebuild(self, id: str, image: str) -> str:
        """rebuild."""
        return acted(self.droplet(id).rebuild(shapes.number(image)))

    def destroy(self, id: str) -> None:
        """Destroy one droplet; by its number only."""
        self.droplet(id).destroy()

    def delete_image(self, id: str) -> None:
        """Delete one of the account's images."""
        Image(token=self.transport.token, id=shapes.number(id)).destroy()

    def tag(self, id: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Tags that are not there yet are made."""
        for name in add:
            tag = Tag(token=self.transport.token, name=name)
            tag.create()
            tag.add_droplets([str(shapes.number(id))])
        for name in remove:
            Tag(token=self.transport.token, name=name).remove_droplets([str(shapes.number(id))])

    def point_address(self, address: str, id: str) -> str:
        """Assign a reserved address."""
        return acted(self.ask(f"reserved_ips/{address}/actions", "POST", type="assign", droplet_id=shapes.number(id)))

    def point_dns(self, record: str, address: str) -> None:
        """Change the A record of that name; its domain must be one of the account's."""
        domains = [str(each["name"]) for each in self.listed("domains", "domains", per_page=PAGE)]
        domain = max((each for each in domains if record == each or record.endswith(f".{each}")), key=len, default="")
        if not domain:
            raise BadRequest(f"{self.name} serves no domain of {record}: add it there, or take `dns` away")
        path = f"domains/{domain}/records"
        found = self.listed(path, "domain_records", name=record, type="A", per_page=PAGE)
        if len(found) > 1:
            raise BadRequest(f"{record} has {len(found)} A records at {self.name}: leave one")
        if not found:
            self.ask(path, "POST", type="A", name=record.removesuffix(domain).rstrip(".") or "@", data=address, ttl=60)
        elif found[0].get("data") != address:
            self.ask(f"{path}/{int(found[0]['id'])}", "PATCH", type="A", data=address)


def acted(answer: Any) -> str:
    """The id of the action that was begun."""
    return str(answer["action"]["id"])
