"""Who else may read: holders of tokens, of which only hashes are kept."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, func, select, update

from chanops.core.errors import Problem
from chanops.core.text import visible
from chanops.services.database import Database
from chanops.services.tables import access, moment, stamp
from chanops.services.visibility import Viewer

BYTES = 32
LONGEST = 100  # characters: what is longer is none of ours


@dataclass(frozen=True, repr=False)
class Tokens:
    """What a new holder gets, once: the one is typed on a page, the other is part of feeds' addresses."""

    page: str
    feed: str


@dataclass(frozen=True)
class Holder:
    """Somebody with tokens; without channels, he may see all. `revoked` is None as long as they are good."""

    name: str
    channels: tuple[str, ...]
    created: datetime
    revoked: datetime | None


class Access:
    """Gives tokens, takes them back, and knows whose they are. Nothing is remembered: what is taken back is at once."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, name: str, channels: Sequence[str] = ()) -> Tokens:
        """New tokens for a name, good for these channels, as NETWORK/#channel, or for all."""
        if not name.strip() or visible(name) != name or len(name) > LONGEST:
            raise Problem(f"a name has 1 to {LONGEST} characters, which can all be seen")
        tokens = Tokens(*(secrets.token_urlsafe(BYTES) for _ in range(2)))
        row = {
            "name": name,
            "channels": json.dumps(sorted(set(channels))),
            "page_hash": hashed(tokens.page),
            "feed_hash": hashed(tokens.feed),
            "created": stamp(datetime.now(UTC)),
        }
        good = select(func.count()).where(access.c.name == name, access.c.revoked.is_(None))

        def work(connection: Connection) -> bool:
            if connection.execute(good).scalar():
                return False
            connection.execute(access.insert(), row)
            return True

        if not self.database.wait(work, durable=True):
            raise Problem(
                f"{name} has tokens already: revoke them first (chanops token revoke), or choose another name"
            )
        return tokens

    def revoke(self, name: str) -> int:
        """Take a name's tokens back; how many there were."""
        good = update(access).where(access.c.name == name, access.c.revoked.is_(None))
        change = good.values(revoked=stamp(datetime.now(UTC)))
        return self.database.wait(lambda connection: connection.execute(change).rowcount, durable=True)

    def all(self) -> list[Holder]:
        """All holders that there are and were, oldest first."""
        columns = (access.c.name, access.c.channels, access.c.created, access.c.revoked)
        with self.database.read() as connection:
            rows = connection.execute(select(*columns).order_by(access.c.id)).all()
        return [
            Holder(name, tuple(json.loads(channels)), moment(created), None if revoked is None else moment(revoked))
            for name, channels, created, revoked in rows
        ]

    def viewer_by_page(self, token: str) -> Viewer | None:
        """Whose page token this is."""
        return self.viewer(access.c.page_hash, token)

    def viewer_by_feed(self, token: str) -> Viewer | None:
        """Whose feed token this is."""
        return self.viewer(access.c.feed_hash, token)

    def viewer(self, column: Column[str], token: str) -> Viewer | None:
        """Found by the hash, which tells nobody anything: how long it takes says nothing of a token."""
        wanted = hashed(token)
        query = select(access.c.name, access.c.channels, column).where(column == wanted, access.c.revoked.is_(None))
        with self.database.read() as connection:
            row = connection.execute(query).first()
        if row is None or not hmac.compare_digest(row[2], wanted):
            return None
        channels = frozenset(json.loads(row[1]))
        return Viewer(row[0], not channels, channels)


def hashed(token: str) -> str:
    """A token as it is kept: it is as good as random, so that no slower hash is needed."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
