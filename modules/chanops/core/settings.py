"""How a section of the configuration becomes a checked value, and the kinds of value a key can have."""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, TypeVar, dataclass_transform, get_type_hints
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, SecretStr, TypeAdapter, ValidationError

from chanops.core.errors import Problem
from chanops.core.text import near, visible
from chanops.core.words import duration, web_address

T = TypeVar("T")
Secret = SecretStr
Reveal = Callable[[str, str], str]  # ("file" or "env", its value) to the secret
BARE_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?\Z")
CHECKED = ConfigDict(extra="forbid", hide_input_in_errors=True)


def split(text: Any) -> Any:
    """Words separated by spaces, commas or line ends."""
    return tuple(text.replace(",", " ").split()) if isinstance(text, str) else text


def seconds(text: Any) -> Any:
    """Seconds from 30, 30s, 5m."""
    if not isinstance(text, str):
        return text
    try:
        return float(text) if BARE_SECONDS.match(text) else duration(text).total_seconds()
    except Problem as problem:
        raise ValueError(f"must be {problem}") from None


def one_line(text: str) -> str:
    if visible(text) != text:
        raise ValueError("must not hold characters that nobody sees")
    return text


def host_name(text: str) -> str:
    if not text or " " in one_line(text):
        raise ValueError("must be one word")
    return text


def one_word(text: str) -> str:
    if host_name(text).startswith(":"):
        raise ValueError("must be one word")
    return text


def word_or_nothing(text: str) -> str:
    return one_word(text) if text else ""


def host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text and not (host and re.fullmatch("[0-9]{1,5}", port) and int(port) < 65536):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8080, or empty for no pages")
    return text


def web_root(text: str) -> str:
    try:
        return web_address(text).rstrip("/") if text else ""
    except Problem as problem:
        raise ValueError(f"must be {problem}") from None


def known_zone(text: str) -> str:
    if text not in available_timezones():
        nearest = near(text, available_timezones())
        raise ValueError("is no time zone" + (f"; did you mean {nearest}?" if nearest else " such as Europe/Paris"))
    return text


def channel_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name[0] not in "#&!+" or visible(name) != name:
            raise ValueError(f"{visible(name)!r} is no channel name such as #ops")
    return names


def log_level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("must be debug, info, warning or error")
    return text.lower()


Words = Annotated[tuple[str, ...], BeforeValidator(split)]
Channels = Annotated[Words, AfterValidator(channel_names)]
Seconds = Annotated[float, BeforeValidator(seconds)]
Line = Annotated[str, AfterValidator(one_line)]
Host = Annotated[str, AfterValidator(host_name)]  # ::1 is one, and on the wire no word begins with a colon
OneWord = Annotated[str, AfterValidator(one_word)]
WordOrNothing = Annotated[str, AfterValidator(word_or_nothing)]
HostAndPort = Annotated[str, AfterValidator(host_and_port)]
WebRoot = Annotated[str, AfterValidator(web_root)]
Zone = Annotated[str, AfterValidator(known_zone)]
LogLevel = Annotated[str, AfterValidator(log_level)]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def section(cls: type[T]) -> type[T]:
    """Make a class a section: a frozen dataclass that pydantic checks; a string under a key says what it is for."""
    setattr(cls, "__pydantic_config__", CHECKED)  # noqa: B010  mypy knows no such attribute
    doc = cls.__doc__ or ""
    made = dataclass(frozen=True, kw_only=True)(cls)
    made.__doc__ = doc  # where there is none, dataclass writes the signature there
    return made


def checked(cls: type[T], name: str, keys: Mapping[str, str], reveal: Reveal) -> T:
    """A section's values, or a Problem that names the key and says how to mend it."""
    known = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    try:
        return TypeAdapter(cls).validate_python(with_secrets(cls, name, keys, reveal))
    except ValidationError as error:
        raise Problem("; ".join(told(name, known, each) for each in error.errors(include_url=False))) from None


def with_secrets(cls: type, name: str, keys: Mapping[str, str], reveal: Reveal) -> dict[str, str]:
    """The keys, with each secret fetched that is given as KEY_file or KEY_env."""
    values = dict(keys)
    for key in secrets_of(cls):
        for kind in ("file", "env"):
            where = values.pop(f"{key}_{kind}", None)
            if where is None:
                continue
            if key in values:
                raise Problem(f"[{name}] {key} and {key}_{kind}: give one of them")
            try:
                values[key] = reveal(kind, where)
            except Problem as problem:
                raise Problem(f"[{name}] {key}_{kind}: {problem}") from None
    return values


def secrets_of(cls: type) -> list[str]:
    """The keys of a section that hold secrets."""
    return [name for name, wanted in get_type_hints(cls).items() if wanted is Secret]


def told(name: str, known: list[str], error: Any) -> str:
    """One mistake in a section, as a person can mend it."""
    key = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        nearest = near(key, known)
        return f"[{name}] {key}: there is no such key; " + (
            f"did you mean {nearest}?" if nearest else f"there are {', '.join(known)}"
        )
    if error["type"].startswith("missing"):
        return f"[{name}] {key} is missing: add `{key} = …`"
    return f"[{name}] {key}: {str(error['msg']).removeprefix('Value error, ').removeprefix('Input ')}"


@dataclass(frozen=True)
class Key:
    """One key of a section; `default` is None where it must be given."""

    name: str
    default: Any
    purpose: str
    secret: bool


def keys_of(cls: type) -> list[Key]:
    """The keys of a section, to be shown."""
    purposes, secrets = purposes_of(cls), secrets_of(cls)
    return [Key(each.name, default_of(each), purposes.get(each.name, ""), each.name in secrets) for each in fields(cls)]


def purposes_of(cls: type) -> dict[str, str]:
    """The string under each key of a class; pydantic can read them too, but would each time it checks a section."""
    [made] = ast.parse(dedent(inspect.getsource(cls))).body
    found = {}
    for key, under in pairwise(getattr(made, "body", [])):
        match key, under:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found


def default_of(key: Field[Any]) -> Any:
    """A key's default, or None where it must be given."""
    if key.default_factory is not MISSING:
        return key.default_factory()
    return None if key.default is MISSING else key.default
