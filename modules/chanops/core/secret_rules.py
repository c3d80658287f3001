"""What secrets look like that nobody told us: the tokens of well-known makers, passwords beside their names, keys.

No pattern looks past the end of a line, and none goes twice over the same letters: what a host writes is hostile.
What a pattern's groups hold is masked; the rest of what it finds stays. Beside its name (`password: …`) a value is
masked from six characters on, in quotes up to the closing one, unless it is an ordinary word, as "required".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST = 2560  # letters in which every pattern has decided whether it found something
Clue = Callable[[str, int], int]  # where in a text, from some place on, it stands; below zero where it does not
Find = tuple[int, int, int]  # where it begins, and from where to where it is masked

# Ordinary words after `password:` and the like.
ORDINARY = (
    "(?:accepted|changed|compat|denied|disabled|enabled|expired|failed|incorrect|invalid|mismatch|missing|optional"
    "|passwd|password|rejected|removed|required|revoked|string|unexpected|unknown|updated)"
)
KEY = (
    r"(?:passw(?:or)?d|passphrase|token|secret(?:[_-]?(?:access[_-]?)?key)?"
    r"|(?:access|account|api|auth|encryption|private|signing)[_-]?key)"
)
QUOTES = r"[\\\"'\]]{0,4}+"
SEPARATOR = rf"{QUOTES}[ \t]{{0,32}}+(?:=>|:=|[:=](?![:=]))[ \t]{{0,32}}+"
MEANT = (
    rf"(?!{ORDINARY}[.,;:!?)]*+(?:\s|\Z))"
    rf"(?![\\\"']{{0,4}}+[\w.-]{{0,16}}?{KEY}{SEPARATOR}|//)"  # the name of a name: the value comes after it
)
# A quote ends a bare value only where something ends: it may also be a letter of a password.
VALUE = (
    r"""(?:"((?:[^"\\\n]++|\\.)*+)|'((?:[^'\\\n]++|\\.)*+)|\\++["']([^"'\\\n]*+)"""
    r"""|((?:[^\s"',;]++|[,;](?!\s|\Z)|["'](?!\Z|[\s,;:)}\]>]))++))"""
)


@dataclass(frozen=True)
class Rule:
    """Patterns, and clues without one of which they find nothing; `folded` is for small letters."""

    clues: tuple[Clue, ...]
    patterns: tuple[re.Pattern[str], ...] = ()
    folded: bool = False
    least: int = 1

    def finds(self, text: str) -> Iterator[Find]:
        """All that is to be masked in some lines."""
        if self.folded:
            text = lowered(text)
        for pattern in self.patterns:
            for found in pattern.finditer(text):
                for group in range(1, pattern.groups + 1):
                    if found.end(group) - found.start(group) >= self.least:
                        yield (found.start(), *found.span(group))


def lowered(text: str) -> str:
    """In small letters, each at its place: this one letter would become two."""
    return text.replace("İ", "I").lower()


def clue(pattern: str) -> Clue:
    """A pattern that begins with plain letters is found faster than a short word."""
    search = re.compile(pattern).search

    def find(text: str, start: int) -> int:
        found = search(text, start)
        return found.start() if found else -1

    return find


def rule(clues: str, *patterns: str, folded: bool = False, least: int = 1) -> Rule:
    compiled = tuple(re.compile(each, re.ASCII) for each in patterns)
    return Rule(tuple(map(clue, clues.split())), compiled, folded, least)


RULES = (
    rule(r"A[KS]IA", r"(?<![A-Z0-9])(A[KS]IA[A-Z0-9]{16})(?![A-Z0-9])"),
    rule(r"_v1_", r"(do[opr]_v1_[0-9a-f]{64,}+)"),
    rule(r"gh[oprsu]_", r"(gh[oprsu]_[A-Za-z0-9_]{36,}+)"),
    rule(r"github_pat_", r"(github_pat_[A-Za-z0-9_]{22,}+)"),
    rule(r"glpat-", r"(glpat-[A-Za-z0-9_-]{20,}+(?:\.[a-z0-9]{2}\.[a-z0-9]{9})?+)"),
    rule(r"xox[abprs]-", r"(xox[abprs]-[A-Za-z0-9-]{10,}+)"),
    # A JWT; or what begins like one, so that it is looked at once.
    rule(r"eyJ", r"(eyJ[\w-]{6,2000}+\.[\w-]{6,}+(?:\.[\w-]++)*+)|eyJ[\w-]{6,2000}+"),
    rule(r"@", r"""://[^\s/@:"'<>]{0,256}+:([^\s/"'<>]{1,1024})(?=@)"""),
    rule(
        r"authorization",
        rf"authorization{SEPARATOR}[\\\"']{{0,4}}+(?:basic|bearer|token)[ \t]{{1,8}}+([\w.~+/=-]{{4,}}+)",
        folded=True,
    ),
    rule(
        r"passp?[wh] token secret key",
        f"{KEY}{SEPARATOR}{MEANT}{VALUE}",
        rf"--{KEY}[ \t]{{1,8}}+(?!-){MEANT}{VALUE}",
        folded=True,
        least=6,
    ),
)
