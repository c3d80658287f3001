"""The secrets that the configuration holds, and the forms in which programs write them."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from urllib.parse import quote, quote_plus

from chanops.core.settings import Secret

LEAST = 6  # characters; what is shorter stands in ordinary words too
MOST = 1024  # a longer form is sought in pieces
WRAPS = (64, 76)  # where openssl and base64 end their lines
LETTERS = re.compile("[A-Za-z0-9]{10,}")  # the two alphabets of base64 agree on them
ESCAPED_BYTE = re.compile("%[0-9A-F]{2}")


def secrets_of(*holders: object) -> set[str]:
    """Every Secret in settings, sections, and whatever mappings or sequences hold them, as it was given."""
    found: set[str] = set()
    for holder in holders:
        if isinstance(holder, Secret):
            found.add(holder.get_secret_value())
        elif is_dataclass(holder) and not isinstance(holder, type):
            found |= secrets_of(*(getattr(holder, each.name) for each in fields(holder)))
        elif isinstance(holder, Mapping):
            found |= secrets_of(*holder.values())
        elif isinstance(holder, list | tuple | set | frozenset):
            found |= secrets_of(*holder)
    return found - {""}


def forms_of(secrets: Iterable[str]) -> frozenset[str]:
    """What to look for in a line: the secrets plain, escaped, quoted and in base64."""
    forms: set[str] = set()
    for secret in secrets:
        if len(secret) < LEAST:
            continue
        forms.update(piece for form in encoded(secret) for piece in cut(form))
        for line in secret.splitlines():
            forms.update(piece for form in written(line) for piece in cut(form))
    return frozenset(form for form in forms if len(form) >= LEAST and "\n" not in form)


def hexes_of(secrets: Iterable[str]) -> frozenset[str]:
    """What to look for in a line in small letters: the secrets in hexadecimal."""
    return frozenset(piece for each in secrets if len(each) >= LEAST for piece in cut(bytes_of(each).hex()))


def words_of(forms: Iterable[str]) -> tuple[str, ...]:
    """Parts of the forms, one or more in each, as few as are easily had: where none stands, no form does."""
    words = {max((*LETTERS.findall(form), ""), key=len) for form in forms} - {""}
    words |= {form for form in forms if not any(word in form for word in words)}
    return tuple(word for word in words if not any(other in word for other in words if other != word))


def written(text: str) -> Iterator[str]:
    """A text as it is, and as JSON, Python and addresses write it."""
    yield text
    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]):
        yield escaped
        yield escaped.replace("/", r"\/")
    raw = bytes_of(text)
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield ESCAPED_BYTE.sub(lambda found: found[0].lower(), quoted)


def encoded(text: str) -> Iterator[str]:
    """All forms of a whole secret but the plain one."""
    yield from written(text)
    raw = bytes_of(text)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            whole = encode(bytes(before) + raw).decode()[before and before + 1 :]  # the first letters mix with others
            bare = whole.rstrip("=")
            inner = bare if len(whole) == len(bare) else bare[:-1]  # the last one too, where it is not full
            yield from (whole, bare, inner)
            if not before:
                yield from (inner[at : at + wrap] for wrap in WRAPS for at in range(0, len(inner), wrap))


def bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def cut(form: str) -> Iterator[str]:
    """A form in pieces that are not too long to be looked for, none too short to be found."""
    while len(form) >= MOST + LEAST:
        yield form[:MOST]
        form = form[MOST:]
    yield form
