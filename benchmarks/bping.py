"""The same command that the floor has, as a plugin, and one that takes its time."""

import time

from chanops import command


@command("bping")
def bping(token: str) -> str:
    """Answer with the token."""
    return f"bpong {token}"


@command("slowly")
def slowly() -> str:
    """Answer after two seconds."""
    time.sleep(2)
    return "slept"
