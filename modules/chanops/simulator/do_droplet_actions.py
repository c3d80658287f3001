"""What can be done to a droplet over the simulated API, and when it is refused."""

from collections.abc import Callable
from functools import partial

from chanops.simulator import do_work
from chanops.simulator.do_calls import Answer, Call, need
from chanops.simulator.do_catalog import SIZES
from chanops.simulator.do_droplets import check_fit, check_name, find_image
from chanops.simulator.do_records import Action, Droplet, Image, busy, unfit
from chanops.simulator.do_store import Store
from chanops.simulator.do_views import action_view

Starter = Callable[[Store, Call, Droplet], Action]


def act(store: Store, call: Call) -> Answer:
    """POST /droplets/{}/actions: {"type": ..., and what that type needs}."""
    droplet = need(store.droplets.get(call.id()))
    kind = call.text("type")
    if kind not in _STARTERS:
        raise unfit(f"There is no action of the type {kind}.")
    if droplet.pending is not None:
        raise busy()
    action = _STARTERS[kind](store, call, droplet)
    return Answer(201, {"action": action_view(action)})


def _begin(store: Store, call: Call, droplet: Droplet, delay: str, effect: do_work.Effect) -> Action:
    """An action named in the body that takes the time of the field `delay`."""
    kind, seconds = call.text("type"), store.delays.of(delay)
    if "errored-action" in call.twists:
        return do_work.begin(store, droplet, kind, call.now, seconds, do_work.nothing, ending="errored")
    return do_work.begin(store, droplet, kind, call.now, seconds, effect)


def _on(droplet: Droplet, message: str) -> None:
    if droplet.status != "active":
        raise unfit(message)


def _stop(store: Store, call: Call, droplet: Droplet) -> Action:
    _on(droplet, "Droplet is already powered off.")
    kind = call.text("type")
    if "shutdown-ignored" in call.twists:
        return _begin(store, call, droplet, kind, partial(do_work.stay_on, store))
    lag = store.delays.of("status_lag")
    if "status-lag" in call.twists:
        lag = call.twists["status-lag"].wait
    return _begin(store, call, droplet, kind, partial(do_work.go_off, store, kind, lag))


def _power_on(store: Store, call: Call, droplet: Droplet) -> Action:
    if droplet.status == "active":
        raise unfit("Droplet is already powered on.")
    return _begin(store, call, droplet, "power_on", partial(do_work.go_on, store, "power_on"))


def _reboot(store: Store, call: Call, droplet: Droplet) -> Action:
    _on(droplet, "Droplet is currently off. Please power it on to run this event.")
    return _begin(store, call, droplet, "reboot", partial(do_work.go_on, store, call.text("type")))


def _snapshot(store: Store, call: Call, droplet: Droplet) -> Action:
    name = call.text("name", "") or f"{droplet.name}-{store.stamp(call.now)}"
    return do_work.take_snapshot(store, droplet, name, call.now, call.twists)


def _image(store: Store, call: Call, droplet: Droplet) -> Image:
    image = find_image(store, call.body.get("image"))
    if image is None:
        raise unfit("You specified an invalid image.")
    check_fit(image, droplet.disk, droplet.region)
    return image


def _restore(store: Store, call: Call, droplet: Droplet) -> Action:
    image = _image(store, call, droplet)
    if image.public:
        raise unfit("A Droplet is restored from a backup or a snapshot only.")
    return _begin(store, call, droplet, "restore", partial(do_work.refill, store, "restore", image))


def _rebuild(store: Store, call: Call, droplet: Droplet) -> Action:
    image = _image(store, call, droplet)
    return _begin(store, call, droplet, "rebuild", partial(do_work.refill, store, "rebuild", image))


def _resize(store: Store, call: Call, droplet: Droplet) -> Action:
    size = SIZES.get(call.text("size"))
    if size is None:
        raise unfit("You specified an invalid size.")
    if droplet.region not in size["regions"]:
        raise unfit("Size is not available in this region.")
    if droplet.status != "off":
        raise unfit("Droplet is currently on. Please power it off to run this event.")
    if size["disk"] < droplet.disk:
        raise unfit("This size is not available because it has a smaller disk.")
    if size["slug"] == droplet.size and size["disk"] == droplet.disk:
        raise unfit("Droplet already has this size.")
    return _begin(store, call, droplet, "resize", partial(do_work.resize, store, size["slug"], call.flag("disk")))


def _rename(store: Store, call: Call, droplet: Droplet) -> Action:
    name = check_name(call.text("name"))
    return _begin(store, call, droplet, "rename", partial(do_work.rename, store, name))


def _backups(store: Store, call: Call, droplet: Droplet) -> Action:
    kind = call.text("type")

    def effect(droplet: Droplet, at: float) -> None:
        rest = tuple(each for each in droplet.features if each != "backups")
        features = (*rest, "backups") if kind == "enable_backups" else rest
        do_work.change(store, droplet.id, at, features=features)
        store.note(at, kind, droplet.id, droplet.name)

    return _begin(store, call, droplet, "rename", effect)


def _password(store: Store, call: Call, droplet: Droplet) -> Action:
    def effect(droplet: Droplet, at: float) -> None:
        store.note(at, "password_reset", droplet.id, droplet.name)

    return _begin(store, call, droplet, "reboot", effect)


_STARTERS: dict[str, Starter] = {
    "power_on": _power_on,
    "power_off": _stop,
    "shutdown": _stop,
    "reboot": _reboot,
    "power_cycle": _reboot,
    "snapshot": _snapshot,
    "restore": _restore,
    "rebuild": _rebuild,
    "resize": _resize,
    "rename": _rename,
    "enable_backups": _backups,
    "disable_backups": _backups,
    "password_reset": _password,
}
