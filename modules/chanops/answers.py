"""How a function's result is said: line by line, and where there are many, a head and a page."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Any

from chanops.core.message import Message
from chanops.core.text import lines_of, shorten

MOST_LINES = 8
MOST_KEPT = 10_000
MOST_BYTES = 1_000_000
MOST_TAKEN = 100_000  # also of what has no line in it
LINE_BYTES = 350  # what surely fits one IRC line; a longer one counts as several


class NotALine(TypeError):
    """A function returned something that cannot be said."""


def lines_in(result: Any) -> Generator[str, None, None]:
    """The lines of what a function returned: a line, lines, or nothing."""
    if result is None:
        return
    if isinstance(result, str):
        yield from lines_of(result)
    elif isinstance(result, Iterable) and not isinstance(result, bytes | Message):
        try:
            for number, each in enumerate(result):
                if number > MOST_TAKEN:
                    raise NotALine(f"yielded {MOST_TAKEN:,} times: it seems to have no end")
                yield from lines_in(each)
        finally:
            if isinstance(result, Generator):
                result.close()  # what it holds is let go at once, also where its end is never reached
    else:
        raise NotALine(f"returned {type(result).__name__}: return a line, yield lines, or return nothing")


def deliver(result: Any, say: Callable[[str], None], page: Callable[[str], str]) -> None:
    """Say the first lines as they come; the rest goes on a page, whose address `page` returns."""
    head: list[str] = []
    room = MOST_LINES
    with closing(lines_in(result)) as lines:
        for line in lines:
            room -= -(-len(line.encode("utf-8", "replace")) // LINE_BYTES)
            if room < 0:
                say_rest(head, line, lines, say, page)
                return
            head.append(line)
            say(line)


def say_rest(
    head: list[str], line: str, lines: Iterable[str], say: Callable[[str], None], page: Callable[[str], str]
) -> None:
    """Collect what did not fit, up to a limit, and say where it is."""
    kept, size, more = [*head, shorten(line, MOST_BYTES)], len(line), 0
    for line in lines:
        size += len(line)
        if len(kept) >= MOST_KEPT or size > MOST_BYTES:
            more += 1
            kept.append("… cut here: there was more")
            break
        kept.append(line)
    rest = len(kept) - len(head) - more
    address = page("\n".join(kept))
    count = f"more than {rest:,}" if more else f"{rest:,}"
    say(f"… {count} more line{'s' if rest != 1 or more else ''}" + (f": {address}" if address else ""))
