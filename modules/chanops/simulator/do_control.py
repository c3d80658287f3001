"""The simulation's own pages below /sim: what is true, what shall go wrong, what was asked."""

import json
from dataclasses import asdict, fields
from typing import Any

from chanops.simulator.do_faults import Fault
from chanops.simulator.do_service import Service

_FIELDS = {each.name for each in fields(Fault) if each.init}
_NUMBERS = {"times", "probability", "seconds"}


def control(service: Service, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """The status and the JSON that answer a request below /sim."""
    world = service.world
    asked = f"{method} {path.rstrip('/')}"
    if asked == "GET /sim/truth":
        return 200, [asdict(event) for event in world.truth]
    if asked == "GET /sim/state":
        return 200, world.state()
    if asked == "GET /sim/requests":
        return 200, service.summary()
    if asked == "GET /sim/faults":
        return 200, [{name: getattr(each, name) for name in _FIELDS} for each in world.faults.waiting()]
    if asked == "POST /sim/faults":
        return _add_faults(service, body)
    if asked == "DELETE /sim/faults":
        world.faults.clear()
        return 204, None
    if asked == "POST /sim/reset":
        world.reset()
        service.reset()
        return 204, None
    return 404, {"id": "not_found", "message": "There is no such page."}


def _add_faults(service: Service, body: bytes) -> tuple[int, Any]:
    try:
        told = json.loads(body)
        faults = [Fault(**_checked(each)) for each in (told if isinstance(told, list) else [told])]
    except (ValueError, TypeError, RecursionError) as error:
        return 400, {"id": "bad_request", "message": str(error)}
    service.world.faults.add(*faults)
    return 201, {"added": len(faults)}


def _checked(told: Any) -> dict[str, Any]:
    """The fields of a fault, each of a type that will do; TypeError for any other."""
    for name, value in dict(told).items():
        if value is not None and not isinstance(value, (int, float) if name in _NUMBERS else str):
            raise TypeError(f"{name} cannot be {value!r}")
    return dict(told)
