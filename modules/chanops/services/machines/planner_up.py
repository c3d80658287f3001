"""From `.up NAMES` to a plan: what each machine is made from, and whether that can be."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chanops.core.errors import Problem
from chanops.core.machine_sections import meant, value_for
from chanops.core.money import an_hour
from chanops.core.plan import Plan, Unit
from chanops.core.text import near, visible
from chanops.core.words import Targets
from chanops.providers.base import Image, Machine, Provider, Size, State
from chanops.services.machines.memory import Specification
from chanops.services.machines.planner import Planner, check_name, check_tag, nearest_of

LONGEST_SCRIPT = 65536
# What cloud-init takes for a script. Anything else is a mistake, or somebody who wants to read our configuration.
SCRIPTS = ("#!", "#cloud-", "#include", "## template:", "Content-Type:", "MIME-Version:")
MULTIPLIED = ("x", "*")


@dataclass(frozen=True)
class UpPlanner:
    """Makes plans for machines that are to be there; asks clouds, changes nothing."""

    planner: Planner
    folder: Path
    images: dict[tuple[str, str], Image] = field(default_factory=dict)  # looked up once for a plan

    def plan(self, which: Targets, options: Mapping[str, Any]) -> Plan:
        """What is to be made or started. Raises Problem."""
        names = self.names(which, options)
        most = self.planner.settings().jobs.most_machines
        if len(names) > most:
            raise Problem(f"that is {len(names)} machines, and at most {most} are allowed at once: name fewer")
        if options.get("like"):
            check_name(str(options["like"]))
        for tag in str(options["tag"]).split(",") if options.get("tag") else ():
            check_tag(tag)
        units, warnings, price, sources = [], [], 0.0, []
        there: dict[str, Sequence[Machine]] = {}
        for name in names:
            account = self.account(name, options)
            if account not in there:
                cloud = self.planner.clouds.of(account)
                there[account] = cloud.machines.newer(cloud.recent())
            unit, told, cost = self.unit(name, account, there[account], options)
            warnings += [told] if unit is None else []
            if unit is not None:
                units.append(unit)
                sources.append(told)
                price += cost
        if not units:
            raise Problem("; ".join(warnings))
        accounts = {name: self.planner.clouds.of(name).identity() for name in there}
        request = {"kind": "up", "which": ",".join(names), "options": {**options, "count": 1}, "accounts": accounts}
        return Plan("up", title(units, sources, price, warnings), tuple(units), False, tuple(warnings), request)

    def names(self, which: Targets, options: Mapping[str, Any]) -> list[str]:
        """The names that are meant: as typed, or those we know where a pattern was typed. Asks no cloud."""
        count = int(options.get("count", 1))
        most = self.planner.settings().jobs.most_machines
        if not 1 <= count <= most:
            raise Problem(f"count must be from 1 to {most}, not {count}")
        found: list[str] = []
        for selector in which.selectors:
            if selector[0] in MULTIPLIED and selector[1:].isdecimal() and not self.is_known(selector):
                raise Problem(f"{selector}? Say .up NAME count={selector[1:][:6]}; at most {most} at once")
            if selector.startswith(("tag:", "on:", "id:")):
                raise Problem(f"{selector}: name what is to come up; on=PROVIDER says where")
            found += self.known(selector) if set(selector) & set("*?[") else [selector]
        for name in found:
            check_name(name)
        if count > 1:
            found = [f"{name}-{number}" for name in found for number in range(1, count + 1)]
            for name in found:
                check_name(name)
        return list(dict.fromkeys(found))

    def all_known(self) -> list[str]:
        """The names that we remember, or that are configured."""
        configured = [name for name in self.planner.settings().machines if not set(name) & set("*?")]
        return sorted({*configured, *(name for _, name in self.planner.memory.names())})

    def is_known(self, name: str) -> bool:
        """Whether a machine of that name was here before, or is configured."""
        return name in self.all_known()

    def known(self, pattern: str) -> list[str]:
        """The known names that fit a pattern. Raises Problem where there is none."""
        names = self.all_known()
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            nearest = near(pattern, names)
            raise Problem(
                f"no machine that was here before fits {pattern}" + (f"; did you mean {nearest}?" if nearest else "")
            )
        return found

    def account(self, name: str, options: Mapping[str, Any]) -> str:
        """The account where it is to be: as said, configured, remembered, or the only one."""
        clouds = self.planner.clouds
        wanted = options.get("on") or value_for(name, "provider", self.planner.settings().machines)
        if not wanted:
            remembered = {provider for provider, each in self.planner.memory.names() if each == name}
            wanted = next(iter(remembered)) if len(remembered) == 1 else clouds.only()
        clouds.of(str(wanted))
        return str(wanted)

    def unit(
        self, name: str, account: str, there: Sequence[Machine], options: Mapping[str, Any]
    ) -> tuple[Unit | None, str, float]:
        """One machine: its unit, what it comes from (or why it is left out), its price an hour."""
        same = [each for each in there if each.name == name]
        if len(same) > 1:
            raise Problem(f"{len(same)} machines are called {name}: ids {', '.join(each.id for each in same)}")
        if same and same[0].state == State.OFF:
            return Unit(name, account, same[0].id), "started", 0.0
        if same:
            return None, f"{name} is there already ({same[0].state}, {same[0].address or 'no address yet'})", 0.0
        wanted, image = self.wanted(name, account, options)
        provider = self.planner.clouds.of(account).provider
        size, found = self.checked(name, provider, wanted, image)
        order = {
            **{key: value for key, value in asdict(wanted).items() if key != "reserved"},
            "image": found.slug or found.id,
            "keys": self.keys(account),
        }
        source = f"from {image.name}" if image is not None else f"from {wanted.image}"
        facts = {"order": {key: list(value) if isinstance(value, tuple) else value for key, value in order.items()}}
        return Unit(name, account, "", facts), f"{wanted.size}, {wanted.region}, {source}", size.hourly

    def wanted(self, name: str, account: str, options: Mapping[str, Any]) -> tuple[Specification, Image | None]:
        """What it is to be: as said, else as the one it is to be like, else as it was, else as configured."""
        like = str(options.get("like") or "")
        memory = self.planner.memory
        known = memory.recall(account, like or name) or self.living(account, like)
        found = known or Specification()
        if like:
            found = replace(found, volumes=(), reserved=())
        found = self.configured(like or name, found)
        said: dict[str, Any] = {key: str(options[key]) for key in ("size", "region", "image") if options.get(key)}
        if found.region and said.get("region", found.region) != found.region:
            found = replace(found, volumes=(), network="")  # they are where they are
        found = replace(found, **said)
        if options.get("tag"):
            found = replace(found, tags=tuple(dict.fromkeys([*found.tags, *str(options["tag"]).split(",")])))
        if options.get("script"):
            found = replace(found, script=self.script(str(options["script"])))
        if "image" in said:
            return found, None
        newest = self.planner.snapshots_of(account, like or name)
        own = memory.own(account, like or name)
        if own and own[0].image not in {each.id for each in newest}:
            raise Problem(
                f"the newest snapshot of {like or name}, {own[0].name}, is not listed as good: it was deleted, or the "
                "cloud is slow; wait, or say image=… to take another"
            )
        if newest:
            return replace(found, image=newest[0].id), newest[0]
        if not found.image:
            raise Problem(
                f"there is no snapshot of {visible(like or name)}, and no [machine:{like or name}] with an image: "
                "say image=… size=… region=…, or like=NAME"
            )
        return found, None

    def living(self, account: str, name: str) -> Specification | None:
        """As a machine is that runs now, where a new one is to be like it."""
        cloud = self.planner.clouds.of(account)
        machines = cloud.machines.newer(cloud.recent()) if name else []
        same = [each for each in machines if each.name == name]
        return Specification(same[0].size, same[0].region, same[0].image, same[0].tags) if same else None

    def configured(self, name: str, found: Specification) -> Specification:
        """With what [machine:NAME] says where nothing else does."""
        sections = self.planner.settings().machines
        if not meant(name, sections):
            return found
        values = {key: value_for(name, key, sections) for key in ("size", "region", "image", "tags")}
        missing = {key: value for key, value in values.items() if value and not getattr(found, key)}
        script = value_for(name, "script", sections)
        if script:
            missing["script"] = self.script(str(script))
        return replace(found, **missing)

    def script(self, path: str) -> str:
        """The text of a script beside the configuration. Raises Problem."""
        wanted = (self.folder / path).resolve()
        if not wanted.is_relative_to(self.folder.resolve()):
            raise Problem(f"script must be a file below the configuration's folder, not {visible(path)[:80]}")
        try:
            if not wanted.is_file() or wanted.stat().st_size > LONGEST_SCRIPT:
                raise Problem(f"script {visible(path)[:80]} is no file of at most {LONGEST_SCRIPT} bytes")
            text = wanted.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise Problem(f"script {visible(path)[:80]}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
        if not text.startswith(SCRIPTS):
            raise Problem(f"script {visible(path)[:80]} is none: it must begin with #! or #cloud-config")
        return text

    def checked(self, name: str, provider: Provider, wanted: Specification, image: Image | None) -> tuple[Size, Image]:
        """The size and the image, after a look whether all of it can be had together. Raises Problem."""
        for key in ("size", "region"):
            if not getattr(wanted, key):
                raise Problem(f"{name}: say {key}=…, or give [machine:{name}] a {key}")
        sizes = {each.slug: each for each in provider.sizes()}
        regions = {each.slug: each for each in provider.regions() if each.available}
        if wanted.size not in sizes:
            raise Problem(nearest_of("size", wanted.size, sizes))
        if wanted.region not in regions:
            raise Problem(nearest_of("region", wanted.region, regions))
        size = sizes[wanted.size]
        if wanted.region not in size.regions or not size.available:
            raise Problem(
                f"{size.slug} is not to be had in {wanted.region}: .sizes {wanted.region} lists those that are"
            )
        found = image if image is not None else self.image(provider, wanted.image)
        if found.regions and wanted.region not in found.regions:
            raise Problem(f"{found.name} is not in {wanted.region}, but in {', '.join(found.regions)}: say region=…")
        if found.least_disk > size.disk:
            raise Problem(
                f"{found.name} needs {found.least_disk} GB of disk, and {size.slug} has {size.disk}: say a larger size="
            )
        return size, found

    def image(self, provider: Provider, wanted: str) -> Image:
        """The image of that id, slug or name. Raises Problem."""
        if (provider.name, wanted) in self.images:
            return self.images[provider.name, wanted]
        own = provider.images(own=True)
        images = [*own, *provider.images(own=False)]
        found = [each for each in images if wanted in (each.id, each.slug)] or [
            each for each in own if each.name == wanted
        ]
        if not found:
            raise Problem(nearest_of("image", wanted, [each.slug or each.name for each in images]))
        if not found[0].available:
            raise Problem(f"the image {found[0].name} is not ready yet: wait for it")
        self.images[provider.name, wanted] = found[0]
        return found[0]

    def keys(self, account: str) -> list[str]:
        """The SSH keys that a new machine is given: all, or those that are configured. Raises Problem."""
        cloud = self.planner.clouds.of(account)
        keys = cloud.provider.keys()
        wanted = cloud.settings.keys
        if not wanted:
            return [each.id for each in keys]
        names = {name: key.id for key in keys for name in (key.id, key.name, key.fingerprint)}
        missing = [each for each in wanted if each not in names]
        if missing:
            raise Problem(f"[provider:{account}] keys: {nearest_of('key', missing[0], names)}")
        return [names[each] for each in wanted]


def title(units: Sequence[Unit], sources: Sequence[str], price: float, warnings: Sequence[str]) -> str:
    """The plan in a few words: what, of what, and what it costs."""
    names = ", ".join(each.name for each in units[:4]) + (f" and {len(units) - 4} more" if len(units) > 4 else "")
    kinds = list(dict.fromkeys(sources))
    what = "; ".join(kinds[:2]) + (f"; {len(kinds) - 2} more kinds" if len(kinds) > 2 else "")
    told = "".join(f"; {each}" for each in warnings)
    return f"up {names} ({units[0].provider}: {what})" + (f" · {an_hour(price)}" if price else "") + told
