"""What a busy channel says: the same bytes for every bot and every run."""

import random
from functools import cache
from typing import NamedTuple

NICKS = tuple(f"n{number:03}" for number in range(200))
LINKS = 3_000
# Port 9: nothing listens there, so a bot that looks up titles is refused at once, and asks nobody else.
SITE = "http://127.0.0.1:9"
TEXT = """
the build is green again after somebody restarted worker three and cleared its queue of old jobs so we can
deploy tonight unless staging still shows those errors from yesterday morning when disk usage grew past ninety
percent on database hosts and replication lagged behind by minutes naïve größer
"""


class Traffic(NamedTuple):
    data: bytes
    lines: int
    mentions: int
    links: int


def said(nick: str, text: str) -> bytes:
    """A line in #ops as the server hands it to the bot."""
    return f":{nick}!~{nick}@host-{nick}.example PRIVMSG #ops :{text}\r\n".encode()


@cache
def chatter(count: int, seed: int = 7) -> Traffic:
    """`count` lines of 200 people; every tenth or so has one of 3,000 links in it."""
    dice, vocabulary = random.Random(seed), TEXT.split()
    lines, links = [], []
    for _ in range(count):
        words = dice.choices(vocabulary, k=dice.randint(3, 19))
        if dice.random() < 0.1:
            links.append(f"{SITE}/article/{dice.randrange(LINKS)}/read")
            words[dice.randrange(len(words))] = links[-1]
        lines.append(said(dice.choice(NICKS), " ".join(words)))
    return Traffic(b"".join(lines), count, len(links), len(set(links)))


def posts(count: int) -> bytes:
    """`count` lines with a link of their own in each."""
    return b"".join(
        said(NICKS[number % len(NICKS)], f"{SITE}/post/{number} is what we read this week, number {number}")
        for number in range(count)
    )
