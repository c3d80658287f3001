"""What commands write, made fit to read: as a terminal would have left it, and nothing in it unseen."""

import re

from chanops.core.text import UNSEEN

# Colours and movements (CSI), strings to the terminal such as its title (OSC and the like), all other sequences.
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")


# One that has begun at a text's end, and is not over; a string to the terminal that goes on and on is none.
BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]{0,256}\x1b?|[ -/]*)\Z")
LONGEST_BEGUN = 300


class Stripper:
    """Takes a terminal's colours and movements out of a text that comes in pieces; what is left has no ESC in it."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, text: str) -> str:
        """What there is so far; a sequence that is not over is held back."""
        if not self.held and "\x1b" not in text:
            return text
        text = self.held + text
        begun = BEGUN.search(text, max(0, len(text) - LONGEST_BEGUN))
        self.held = begun[0] if begun else ""
        return stripped(text[: len(text) - len(self.held)])

    def end(self) -> str:
        """What was held back."""
        held, self.held = self.held, ""
        return stripped(held)


def stripped(text: str) -> str:
    """A text without what is for a terminal."""
    return ESCAPES.sub("", text).replace("\x1b", "")


def readable(text: str) -> str:
    """The text without a terminal's colours, each line as it was last written, what is unseen as symbols."""
    text = ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(map(last_state, text.split("\n")))
    return UNSEEN.sub(lambda found: symbol(found[0]), text)


def last_state(line: str) -> str:
    """What is left of a line over which others were written, as progress bars do."""
    return line.rstrip("\r").rpartition("\r")[2]


def symbol(letter: str) -> str:
    """How a letter that nobody sees is shown; a tab and the end of a line are themselves."""
    if letter in "\t\n":
        return letter
    if letter < " ":
        return chr(0x2400 + ord(letter))
    return "\u2421" if letter == "\x7f" else f"\\u{ord(letter):04x}"


def end_of(text: str, most: int) -> str:
    """The last so many characters; whole lines, where a line begins among them."""
    if len(text) <= most:
        return text
    begun, _, lines = text[len(text) - most - 1 :].partition("\n")
    return lines or begun[1:]


def last_lines(text: str, count: int) -> list[str]:
    """The last lines that have something in them, fit to read."""
    return [line for line in readable(text).split("\n") if line.strip()][-count:]
