"""The colour of a nick: the same person has the same one everywhere."""

from functools import lru_cache
from zlib import crc32

from chanops.core.access import fold
from chanops.core.palette import HUES

AWAY = "_`^-|0123456789"  # what a nick ends with when it is taken, or its owner comes in twice


@lru_cache(maxsize=4096)
def hue_of(nick: str) -> int:
    """The number of a nick's hue: bob, Bob, bob_ and bob2 have one."""
    folded = fold(nick)
    return crc32((folded.rstrip(AWAY) or folded).encode("utf-8", "surrogatepass")) % HUES


def class_of(nick: str) -> str:
    """The class in the style sheet."""
    return f"n-{hue_of(nick):02}"
