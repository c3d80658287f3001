"""What a line is found by: its words, cut here once, so that every database finds the same lines."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from chanops.core.access import fold
from chanops.core.text import plain

SPOKEN = frozenset({"message", "action", "notice", "topic"})
MOST_TERMS, MOST_OF_ONE, LONGEST = 1024, 250, 64
TAG = "\ue000"  # private use: no text yields it

ASCII = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
VERSION = re.compile(" v(?=[0-9]+ )")  # is its numbers, with or without the v before them
# Han, Kana, Hangul, Bopomofo: written without blanks.
DENSE = (
    "\u1100-\u11ff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c"
    "\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff\U00016fe0-\U00016fe3\U0001aff0-\U0001b16f\U00020000-\U0003fffd"
)
RUN = re.compile(f"([{DENSE}]+)|[^ {DENSE}]+")
PAIR = re.compile(f"[{DENSE}]{{2}}")
# What would not pass FTS5's tokenizer as it is, or has no UTF-8, or would pass for a tag.
UNSAFE = re.compile("[^0-9a-z\x80-\ud7ff\uf900-\U0010ffff]")


class Cutting(dict[int, str]):
    """By character, what is left of it: a letter stays, a mark goes, a symbol is a word, all else is a blank."""

    def __missing__(self, code: int) -> str:
        self[code] = part = part_of(chr(code))
        return part


def part_of(character: str) -> str:
    """What is left of a character, after decomposition and folding."""
    category = unicodedata.category(character)
    if character.isalnum() or category == "Mc":
        return character
    return "" if category == "Mn" else f" {character} " if category == "So" else " "


CUTTING = Cutting()


def terms_of(text: str) -> list[str]:
    """The words of a text, folded, in their order."""
    text = plain(text)
    if not text.isascii():
        return capped(folded_terms(text))
    words = text.translate(ASCII)
    terms = versions(words).split()
    return terms if len(text) <= LONGEST else capped(terms)


def versions(words: str) -> str:
    """The words, with each v of a version cut off."""
    return VERSION.sub(" v ", f" {words} ") if " v" in words or words[:1] == "v" else words


def folded_terms(text: str) -> list[str]:
    """The words of a text in any script."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    words = versions(unicodedata.normalize("NFC", text.translate(CUTTING)))
    terms: list[str] = []
    for found in RUN.finditer(words):
        run = found[1]
        if run and len(run) > 1:
            terms += [run[place : place + 2] for place in range(len(run) - 1)]
        else:
            terms.append(found[0])
    return terms


def capped(terms: list[str]) -> list[str]:
    """The terms with their limits: none too long, none too often, not too many."""
    if len(terms) > MOST_OF_ONE:
        counts: Counter[str] = Counter()
        kept = []
        for term in terms[:MOST_TERMS]:
            counts[term[:LONGEST]] += 1
            if counts[term[:LONGEST]] <= MOST_OF_ONE:
                kept.append(term)
        terms = kept
    if max(map(len, terms), default=0) > LONGEST:
        terms = [term[:LONGEST] for term in terms]
    return terms


def indexed(text: str, nick: str, kind: str, channel_id: int, public: bool = True) -> list[str]:
    """All that a line is found by. The tag of its place stands between, so that no phrase runs on behind the words."""
    terms = terms_of(text) if kind in SPOKEN else []
    singles = () if text.isascii() else single_characters(terms)
    tags = [place_tag(channel_id, public), *singles, nick_tag(nick)]
    if kind != "message":
        tags.append(kind_tag(kind))
    return terms + tags


def single_characters(terms: Iterable[str]) -> Iterable[str]:
    """The characters of the pairs that a dense script was cut into: one alone must find them too."""
    return dict.fromkeys("".join(term for term in terms if len(term) == 2 and PAIR.fullmatch(term)))


@lru_cache(4096)
def nick_tag(nick: str) -> str:
    """What is found of a nick, whatever its case."""
    return f"{TAG}n{safe(fold(nick)[:LONGEST])}"


def kind_tag(kind: str) -> str:
    """What is found of a kind of line."""
    return f"{TAG}k{safe(kind)}"


@lru_cache(4096)
def place_tag(channel_id: int, public: bool) -> str:
    """What is found of a channel's lines: those that everybody may see, or the others."""
    return f"{TAG}{'c' if public else 'p'}{channel_id}"


def safe(text: str) -> str:
    """A text as one term."""
    return UNSAFE.sub(lambda found: f"{TAG}{ord(found[0]):x}{TAG}", text)
