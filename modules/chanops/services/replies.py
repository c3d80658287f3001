"""Answers that were too long for a channel: each on a page whose address cannot be guessed."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, select

from chanops.core.text import storable
from chanops.services.database import Database
from chanops.services.tables import moment, replies, stamp

KEPT_FOR = timedelta(days=30)
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Reply:
    """A long answer: what was asked, and all its lines."""

    at: datetime
    asked: str
    text: str


class Replies:
    """Keeps long answers for a month."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def keep(self, asked: str, text: str) -> str:
        """The token under which an answer is found; returns once it is on disk."""
        token, now = secrets.token_urlsafe(16), datetime.now(UTC)
        row = {"token": token, "at": stamp(now), "asked": storable(asked), "text": storable(text)}

        def work(connection: Connection) -> None:
            connection.execute(delete(replies).where(replies.c.at < stamp(now - KEPT_FOR)))
            connection.execute(replies.insert(), row)

        self.database.wait(work)
        return token

    def find(self, token: str) -> Reply | None:
        """The answer, or None."""
        if not TOKEN.fullmatch(token):
            return None
        query = select(replies).where(replies.c.token == token, replies.c.at >= stamp(datetime.now(UTC) - KEPT_FOR))
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        return Reply(moment(row["at"]), row["asked"], row["text"]) if row else None
