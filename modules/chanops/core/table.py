"""Rows for a channel: aligned, and coloured where a colour says something."""

from collections.abc import Iterator, Sequence

RESET = "\x0f"
COLOURS = {
    "running": "\x0303",  # green
    "done": "\x0303",
    "off": "\x0314",  # grey
    "cancelled": "\x0314",
    "failed": "\x0304",  # red
    "needs-attention": "\x0304",
    "unknown": "\x0314",
}
UNDER_WAY = "\x0307"  # orange


def table(rows: Sequence[Sequence[str]], states_in: int = -1) -> Iterator[str]:
    """The rows with their columns aligned; the column `states_in` is coloured by what it says."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if states_in >= 0:
            cells[states_in] = coloured(row[states_in], cells[states_in])
        yield "  ".join(cells).rstrip()


def coloured(state: str, text: str) -> str:
    """A text in the colour of a state."""
    return f"{COLOURS.get(state, UNDER_WAY)}{text}{RESET}"
