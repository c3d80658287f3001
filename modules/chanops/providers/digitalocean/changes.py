"""What is changed at DigitalOcean: each method is one request, or a few that can be sent again without harm."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from digitalocean import Droplet, Image

from chanops.providers import base
from chanops.providers.base import BadRequest, NotFound, Order, OutcomeUnknown
from chanops.providers.digitalocean.checks import as_address, as_host, as_number, as_number_or_name, as_tag
from chanops.providers.digitalocean.questions import Questions
from chanops.providers.digitalocean.reading import Odd, Thing
from chanops.providers.digitalocean.shapes import domain_of, machine_of, record_of
from chanops.providers.digitalocean.transport import Asking

T = TypeVar("T")


class OurDroplet(Asking, Droplet):  # type: ignore[misc]
    """The library's droplet, which asks by our way."""


class OurImage(Asking, Image):  # type: ignore[misc]
    """The library's image, which asks by our way."""


class Changes(Questions):
    """The account, as it is changed; what must be looked up for that is asked."""

    def ours(self, kind: Callable[..., Any], id: str) -> Any:
        """An object of the library's, with nothing of the environment, and without the token."""
        return kind(id=as_number(id), transport=self.transport, token="", end_point=self.transport.endpoint)

    def droplet(self, id: str) -> Any:
        return self.ours(OurDroplet, id)

    def done(self, shape: Callable[[Any], T], answer: Any) -> T:
        """What came of a change. Raises OutcomeUnknown where the answer is not as it should be: it was taken."""
        try:
            return shape(answer)
        except Odd as odd:
            raise OutcomeUnknown(f"{self.name}: its answer cannot be read: {odd}: it may have been done") from None

    def acted(self, answer: Any) -> str:
        """The id of the action that was begun."""
        return self.done(
            lambda found: Thing("action", Thing("answer", found).inner("action").found).number("id"), answer
        )

    def create(self, order: Order) -> base.Machine:
        """Ask for a droplet. The library's own create() would send keys it does not know as new ones."""
        wanted: dict[str, Any] = {
            "name": order.name,
            "size": order.size,
            "region": order.region,
            "image": as_number_or_name(order.image),
            "ssh_keys": [as_number_or_name(each) for each in order.keys],
            "tags": [as_tag(each) for each in order.tags],
            "backups": order.backups,
            "ipv6": order.ipv6,
            "monitoring": order.monitoring,
        }
        optional = {"user_data": order.script, "volumes": list(order.volumes), "vpc_uuid": order.network}
        wanted |= {key: value for key, value in optional.items() if value}
        answer = self.transport.ask("POST", "droplets", wanted)
        return self.done(lambda found: machine_of(self.name, found.get("droplet")), answer)

    def start(self, id: str) -> str:
        """power_on."""
        return self.acted(self.droplet(id).power_on())

    def shut_down(self, id: str) -> str:
        """shutdown: the request is delivered, no more."""
        return self.acted(self.droplet(id).shutdown())

    def cut_power(self, id: str) -> str:
        """power_off."""
        return self.acted(self.droplet(id).power_off())

    def reboot(self, id: str) -> str:
        """reboot."""
        return self.acted(self.droplet(id).reboot())

    def resize(self, id: str, size: str, disk: bool) -> str:
        """resize; the library sends "true" where the API wants true."""
        wanted = {"type": "resize", "size": size, "disk": disk}
        return self.acted(self.transport.ask("POST", f"droplets/{as_number(id)}/actions", wanted))

    def rename(self, id: str, name: str) -> str:
        """rename."""
        return self.acted(self.droplet(id).rename(name))

    def snapshot(self, id: str, name: str) -> str:
        """snapshot; never the library's power_off=True, which does not look whether the power is off."""
        return self.acted(self.droplet(id).take_snapshot(name))

    def rebuild(self, id: str, image: str) -> str:
        """rebuild."""
        return self.acted(self.droplet(id).rebuild(as_number(image)))

    def destroy(self, id: str) -> None:
        """Destroy one droplet; by its number only."""
        self.droplet(id).destroy()

    def delete_image(self, id: str) -> None:
        """Delete one of the account's images."""
        self.ours(OurImage, id).destroy()

    def tag(self, id: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Tags that are not there yet are made. The library's own would put any name into the address."""
        resources = {"resources": [{"resource_id": str(as_number(id)), "resource_type": "droplet"}]}
        more, less = [as_tag(name) for name in add], [as_tag(name) for name in remove]
        for name in more:
            self.transport.ask("POST", "tags", {"name": name})
            self.transport.ask("POST", f"tags/{name}/resources", resources)
        for name in less:
            try:
                self.transport.ask("DELETE", f"tags/{name}/resources", resources)
            except NotFound:
                self.machine(id)  # raises where it is the machine that is not there; a tag that is not is well

    def add_key(self, name: str, public: str) -> str:
        """Add a key to the account."""
        try:
            answer = self.transport.ask("POST", "account/keys", {"name": name, "public_key": public})
        finally:
            self.kept["ssh_keys"].forget()
        return self.done(
            lambda found: str(Thing("key", Thing("answer", found).inner("ssh_key").found).number("id")), answer
        )

    def point_address(self, address: str, id: str) -> str:
        """Assign a reserved address."""
        wanted = {"type": "assign", "droplet_id": as_number(id)}
        return self.acted(self.transport.ask("POST", f"reserved_ips/{as_address(address)}/actions", wanted))

    def point_dns(self, record: str, address: str) -> None:
        """Change the A record of that name; its domain must be one of the account's."""
        name, wanted = as_host(record), as_address(address)
        domains = self.listed("domains", "domains", domain_of)
        domain = max((each for each in domains if name == each or name.endswith(f".{each}")), key=len, default="")
        if not domain:
            raise BadRequest(f"{self.name} serves no domain of {record}: add it there, or take `dns` away")
        path = f"domains/{domain}/records"
        short = name.removesuffix(domain).rstrip(".") or "@"
        listed = self.listed(path, "domain_records", record_of, name=name, type="A")
        found = [each for each in listed if each[0] == "A" and each[1] in (short, name)]
        if len(found) > 1:
            raise BadRequest(f"{record} has {len(found)} A records at {self.name}: leave one")
        if not found:
            self.transport.ask("POST", path, {"type": "A", "name": short, "data": wanted, "ttl": 60})
        elif found[0][3] != wanted:
            self.transport.ask("PATCH", f"{path}/{found[0][2]}", {"type": "A", "data": wanted})
