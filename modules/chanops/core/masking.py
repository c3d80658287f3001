"""Secrets are replaced before anything is stored, said or logged: those that are known, and what looks like one.

A line that begins with [off] is nobody's business and becomes just that. What is masked is always decided line by
line, for keys from their first line to their last, so that it makes no difference in what pieces a text comes. A line
of more than LIMIT characters is decided in parts. No secret of up to secret_rules.LONGEST characters is cut in two
there, a longer one is hidden to the next blank or quote.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from chanops.core.known_secrets import forms_of, hexes_of, words_of
from chanops.core.secret_rules import LONGEST, RULES, Clue, Find, Rule, lowered, rule

MARK = "[secret]"
OFF_WORD = "[off]"
OFF = re.compile(r"^[ \t]*+\[off\][^\n]*+", re.MULTILINE)
# A private key, from its first line to its last; so many letters may be the beginning of that.
KEY_NAME = "[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
BEGIN = re.compile(f"-----BEGIN {KEY_NAME}-----|---- BEGIN {KEY_NAME} ----")
END = re.compile(f"-----END {KEY_NAME}-----|---- END {KEY_NAME} ----")
LONGEST_END = 80
KEY_WORDS = "PRIVATE KEY"
LINES = rule(r"\[off\] PRIVATE\x20KEY")  # lines to be looked at, though no pattern finds anything there
BLANK = re.compile(r"[ \t]*+\Z")
TAIL_ENDS = re.compile(r"""[\s"'\\]""")
LIMIT = 8192  # characters of an unfinished line that are held back
DECIDED = LIMIT - LONGEST  # of so many, what begins before here is seen whole
NEAR = 200  # letters: to go over them costs less than to begin anew


@dataclass(frozen=True)
class Known:
    """Values that are secret wherever they stand; also where two of them share letters."""

    forms: frozenset[str] = field(repr=False)
    clues: tuple[Clue, ...] = field(repr=False)
    folded: bool = False

    def finds(self, text: str) -> Iterator[Find]:
        """All places where one of them stands."""
        if self.folded:
            text = lowered(text)
        for form in self.forms:
            at = text.find(form)
            while at >= 0:
                yield at, at, at + len(form)
                at = text.find(form, at + 1)


def known(forms: frozenset[str], *, folded: bool = False) -> Known:
    """A rule for such forms."""
    return Known(forms, tuple(map(standing, words_of(forms))), folded)


def standing(word: str) -> Clue:
    return lambda text, start: text.find(word, start)


Rules = list[Rule | Known]


@dataclass(frozen=True)
class Mask:
    """What is to be replaced."""

    rules: tuple[Rule | Known, ...] = field(repr=False)

    def text(self, text: str) -> str:
        """The text with every secret replaced, nothing else changed."""
        stream = self.stream()
        return stream.feed(text) + stream.end()

    def stream(self) -> "Stream":
        """For a text that comes in pieces."""
        return Stream(self)

    def look(self, text: str) -> tuple[Rules, list[tuple[int, int]]]:
        """The rules that may find something, and the lines in which they may, each once, in order."""
        small = lowered(text)
        rules: Rules = []
        lines: set[tuple[int, int]] = set()
        for each in self.rules:
            place = small if each.folded else text
            if found := [(clue, at) for clue in each.clues if (at := clue(place, 0)) >= 0]:
                rules.append(each)
                lines.update(line for clue, at in found for line in lines_with(clue, at, place))
        return rules, sorted(lines)


def mask_for(secrets: Iterable[str]) -> Mask:
    """A mask for values that are known to be secret, as far as they have six characters, and for all that looks so."""
    secrets = tuple(secrets)
    return Mask((*RULES, LINES, known(forms_of(secrets)), known(hexes_of(secrets), folded=True)))


def lines_with(clue: Clue, at: int, text: str) -> Iterator[tuple[int, int]]:
    """Where the lines begin and end that have a clue, the first of them at some place."""
    start = 0
    while at >= 0:
        begin = text.rfind("\n", start, at) + 1 or start
        start = text.find("\n", at) + 1 or len(text)
        yield begin, start
        at = clue(text, start)


def stretches(text: str, lines: Iterable[tuple[int, int]], most: int) -> Iterator[tuple[int, int, bool]]:
    """Lines near each other as one, and by themselves (True) those that need to be gone through in steps."""
    begin = end = 0
    for start, stop in lines:
        if stop > most:
            break
        hard = stop - start > LIMIT or (text.find(KEY_WORDS, start, stop) >= 0 and BEGIN.search(text, start, stop))
        if begin < end and (hard or start > end + NEAR):
            yield begin, end, False
            begin = end
        if hard:
            yield start, stop, True
            begin = end = stop
        else:
            begin, end = (begin if begin < end else start), stop
    if begin < end:
        yield begin, end, False


def masked(text: str, finds: Iterable[Find], end: int, *, going_on: bool = False) -> str:
    """A text up to some end, its finds replaced, those that touch as one; one that is going on was told before."""
    parts: list[str] = []
    last = 0 if going_on else -1
    for start, stop in sorted((start, stop) for _, start, stop in finds):
        if start >= end:
            break
        if start > last:
            parts += (text[max(last, 0) : start], MARK)
        last = max(last, stop)
    return "".join((*parts, text[max(last, 0) : end]))


class Part(Enum):
    """Where in the text a stream is."""

    START = auto()  # of a line: nothing but blanks before
    WITHIN = auto()  # a line
    SECRET = auto()  # a long one, of which it was told that it is there
    KEY = auto()
    OFF = auto()  # a line that is off


class Stream:
    """Masks a text that comes in pieces, and holds back what is not decided yet."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.part = Part.START
        self.held = ""
        self.shown: list[str] = []
        self.rules: Rules = []

    def feed(self, text: str) -> str:
        """What may be shown so far."""
        if "\n" not in text and len(self.held) + len(text) <= LIMIT:
            self.held += text
            return ""
        text, self.held, self.shown = self.held + text, "", []
        end = text.rfind("\n") + 1
        self.rules, lines = self.mask.look(text)
        at = self.through(text, 0, 0)
        for start, stop, hard in stretches(text, lines, end):
            if at < stop:
                start = max(at, start)
                self.shown.append(text[at:start])
                at = self.through(text, start, stop) if hard else self.lines(text, start, stop)
        if at < end:
            self.shown.append(text[at:end])
        self.through(text, max(at, end), len(text))
        return "".join(self.shown)

    def end(self) -> str:
        """The rest."""
        shown = self.feed("\n").removesuffix("\n")
        self.part, self.held = Part.START, ""
        return shown

    def through(self, text: str, at: int, least: int) -> int:
        """Go on step by step, to where a line begins after so much of the text, or to its end; where that is."""
        while at < len(text) and (at < least or self.part is not Part.START):
            at = self.step(text, at)
        return at

    def lines(self, text: str, start: int, stop: int) -> int:
        """Take lines that are whole, short and without keys; where they end."""
        piece = text[start:stop]
        if OFF_WORD in piece:
            piece = OFF.sub(OFF_WORD, piece)
        self.shown.append(masked(piece, self.finds(piece), len(piece)))
        return stop

    def finds(self, piece: str) -> list[Find]:
        return [find for each in self.rules for find in each.finds(piece)]

    def step(self, text: str, at: int) -> int:
        """Take a piece of the text, or hold it; where the next one begins."""
        if self.part is Part.KEY:
            return self.key(text, at)
        if text[at] == "\n":
            self.shown.append("\n")
            self.part = Part.START
            return at + 1
        if self.part is Part.OFF:
            stop = text.find("\n", at)
            return stop if stop >= 0 else len(text)
        stop = text.find("\n", at, at + LIMIT + 1)
        if stop < 0 and len(text) <= at + LIMIT and not BEGIN.search(text, at):
            self.held = text[at:]
            return len(text)
        return at + self.line(text[at : stop if stop >= 0 else at + LIMIT], long=stop < 0)

    def key(self, text: str, at: int) -> int:
        """Nothing of a private key is shown; what is held may be the beginning of its end."""
        found = END.search(text, at)
        if found is None:
            self.held = text[max(at, len(text) - LONGEST_END) :]
            return len(text)
        self.part = Part.WITHIN
        return found.end()

    def line(self, piece: str, *, long: bool) -> int:
        """Take what is left of a line, or as much of a long one as is decided; how much that was."""
        if self.part is Part.START and OFF.match(piece):
            self.shown.append(OFF_WORD)
            self.part = Part.OFF
            return len(piece)
        begin = BEGIN.search(piece)
        if begin:
            piece = piece[: begin.end()]
        finds, going_on = self.finds(piece), self.part is Part.SECRET
        if going_on:
            tail = TAIL_ENDS.search(piece)
            finds.append((0, 0, tail.start() if tail else len(piece)))
        end = cut(finds) if long and not begin else len(piece)
        if begin:
            finds.append((begin.start(), *begin.span()))
            self.part = Part.KEY
        elif not end:
            # Longer than all that is held: hidden from where it begins, and on to the next blank.
            end, self.part = DECIDED, Part.SECRET
            finds = [(0, min(start for _, start, _ in finds), end)]
        elif self.part is not Part.START or not BLANK.match(piece, 0, end):
            self.part = Part.WITHIN
        self.shown.append(masked(piece, finds, end, going_on=going_on))
        return end


def cut(finds: Iterable[Find]) -> int:
    """Where a long line can be cut so that all that begins before it is decided and nothing is cut in two."""
    best = DECIDED
    for start, _, stop in sorted(finds, reverse=True):
        if start < best < stop:
            best = start
    return best
