"""A request to the simulated API and its answer: fields of the body, pages, errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from chanops.simulator.do_faults import Fault
from chanops.simulator.do_records import Action, Json, Refusal, missing, unfit
from chanops.simulator.do_store import Store

_PER_PAGE, _MOST_PER_PAGE = 20, 200

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request below /v2: `pieces` are the variable parts of the path, `base` ends with "/v2/"."""

    method: str
    path: str
    pieces: tuple[str, ...]
    query: dict[str, str]
    body: Json
    now: float
    base: str
    twists: dict[str, Fault] = field(default_factory=dict)

    @property
    def as_of(self) -> float | None:
        """The time whose state a list shows; None for now."""
        lag = self.twists.get("lag")
        return None if lag is None else self.now - lag.wait

    @property
    def seen(self) -> float:
        """The same as a time."""
        return self.now if self.as_of is None else self.as_of

    @property
    def page(self) -> int:
        return _whole(self.query.get("page"), 1)

    @property
    def per_page(self) -> int:
        return min(_whole(self.query.get("per_page"), _PER_PAGE), _MOST_PER_PAGE)

    def text(self, name: str, default: str | None = None) -> str:
        """A string of the body; without a default it must be there."""
        value = self.body.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (not value and default is None):
            raise unfit(f"{name} is missing or invalid")
        return value

    def flag(self, name: str) -> bool:
        """A truth value of the body, which some clients send as a string."""
        return self.body.get(name) in (True, "true")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings of the body; null is an empty one."""
        return tuple(str(each) for each in self.items(name))

    def items(self, name: str) -> list[Any]:
        value = self.body.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise unfit(f"{name} must be a list")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.body.get(name, default)
        if isinstance(value, str):
            value = numeral(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise unfit(f"{name} is missing or invalid")
        return value

    def id(self, place: int = 0) -> int:
        """A number in the path; anything else is not found."""
        return need(numeral(self.pieces[place]))


@dataclass(frozen=True)
class Answer:
    """What is sent: the HTTP status, the JSON of the body or None, and headers beyond the usual."""

    status: int
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Store, Call], Answer]


def refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, {"id": refusal.name, "message": refusal.message}, refusal.headers)


def need(thing: T | None) -> T:
    """The thing, or 404."""
    if thing is None:
        raise missing()
    return thing


def page(call: Call, key: str, things: Sequence[T], view: Callable[[T], Json]) -> Answer:
    """One page of a list, with the links to the others."""
    first = (call.page - 1) * call.per_page
    last_page = max(1, -(-len(things) // call.per_page))
    shown = [view(each) for each in things[first : first + call.per_page]]
    pages: dict[str, str] = {}
    if call.page > 1:
        pages |= {"first": _url(call, 1), "prev": _url(call, min(call.page - 1, last_page))}
    if call.page < last_page:
        pages |= {"next": _url(call, call.page + 1), "last": _url(call, last_page)}
    if foreign := call.twists.get("foreign-next"):
        pages["next"] = f"https://{foreign.host}{call.path}?page={call.page + 1}"
    return Answer(200, {key: shown, "links": {"pages": pages} if pages else {}, "meta": {"total": len(things)}})


def link(call: Call, action: Action, rel: str) -> Json:
    """The link to an action, as creating answers give it."""
    return {"id": action.id, "rel": rel, "href": f"{call.base}actions/{action.id}"}


def _url(call: Call, number: int) -> str:
    query = {**call.query, "page": str(number)}
    return f"{call.base}{call.path.removeprefix('/v2/')}?{urlencode(query)}"


def _whole(text: str | None, default: int) -> int:
    """A number from 1; the default for anything else."""
    number = numeral(text or "")
    return default if number is None else max(1, number)


def numeral(text: str) -> int | None:
    """The number that is written in digits, if nothing else is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
