"""A function's signature as a person meets it: what is typed, what the bot hands over, its usage line."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, get_args, get_type_hints

from chanops.core.errors import Problem
from chanops.core.text import near, visible
from chanops.core.words import OPTION, Arguments, Rest, Word, converter, flag_of, next_word, past_spaces, quoted_piece

LEAST_NEAR = 4  # letters of a word that is taken for a mistyped option, where it may be a variable of a shell's


@dataclass(frozen=True)
class Parameter:
    """One thing a person types."""

    name: str
    convert: Callable[[str], Any]
    required: bool
    several: bool = False
    rest: bool = False
    named_only: bool = False
    default: Any = None
    flag: str = ""
    raw: bool = False  # its quotes are its own business

    @property
    def word(self) -> str:
        """Its name as it is typed: stop_after is stop-after, and as_ is as, which Python keeps for itself."""
        return self.name.rstrip("_").replace("_", "-")

    @property
    def shown(self) -> str:
        """As the usage line has it: NAME, [NAME], NAME…, [-n]."""
        if self.flag:
            return f"[{self.flag}]"
        name = self.word.upper() + ("…" if self.several or self.rest else "")
        return name if self.required else f"[{name}]"

    def value(self, word: str) -> Any:
        """The word as a value of this parameter's type."""
        try:
            return self.convert(word)
        except Problem as mend:
            if self.raw:
                raise
            raise Problem(f"{self.word} must be {mend}, not {visible(word)[:60]!r}") from None


@dataclass(frozen=True, eq=False)
class Signature:
    """What a person types (before the `*`, or with a default) and what is found by its type (after it)."""

    typed: tuple[Parameter, ...]
    needs: tuple[tuple[str, Any], ...]

    @property
    def usage(self) -> str:
        """The parameters of a command as its usage line has them."""
        positional = [each for each in self.typed if each.required or each.several or each is self.last_rest]
        options = [each.shown if each.flag else f"[{each.word}=…]" for each in self.typed if each not in positional]
        return " ".join(self.in_order([each.shown for each in positional], options))

    @property
    def last_rest(self) -> Parameter | None:
        """The parameter that takes all that is left of the line, if there is one."""
        return next((each for each in self.typed if each.rest and not each.named_only), None)

    def in_order(self, positional: list[str], options: list[str]) -> list[str]:
        """Options before what takes the rest of the line, since after it nothing is an option any more."""
        return positional[:-1] + options + positional[-1:] if self.last_rest else positional + options

    def bind(self, text: str) -> tuple[list[Any], dict[str, Any]]:
        """The positional and named values that the text gives the function."""
        given: dict[str, Any] = {}
        several: list[Any] = []
        position = 0
        while (position := past_spaces(text, position)) < len(text):
            flag = self.flag(text, position)
            if flag is not None:
                given[flag.name] = True
                position += len(flag.flag)
                continue
            option = self.option(text, position)
            slot = option or self.next_slot(given)
            if slot is not None and slot.rest and option is None:
                self.refuse_nearly(text, position)
                rest = text[position:].rstrip(" ")
                given[slot.name] = slot.value(rest if slot.raw else unquoted(rest))
                break
            word = next_word(text, position)
            position = word.end
            self.take(slot, option is not None, word, given, several)
        return self.arguments(given, several)

    def option(self, text: str, position: int) -> Parameter | None:
        """The parameter that `name=value` names there; only one with a default can be named."""
        found = OPTION.match(text, position)
        word = found[1].replace("_", "-") if found else ""
        return next((each for each in self.typed if each.word == word and not each.required and not each.several), None)

    def flag(self, text: str, position: int) -> Parameter | None:
        """The parameter that a word such as -n there switches on."""
        word = text[position:].partition(" ")[0]
        return next((each for each in self.typed if each.flag and each.flag == word), None)

    def next_slot(self, given: dict[str, Any]) -> Parameter | None:
        """The parameter that the next word belongs to by its place."""
        return next(
            (each for each in self.typed if each.several or not (each.named_only or each.flag or each.name in given)),
            None,
        )

    def take(self, slot: Parameter | None, named: bool, word: Word, given: dict[str, Any], several: list[Any]) -> None:
        """Put a word where it belongs."""
        if slot is None:
            raise Problem(f"{visible(word.value)[:60]!r} is one word too many")
        if slot.name in given:
            raise Problem(f"{slot.word} is given twice")
        try:
            value = slot.value(word.value.partition("=")[2] if named else word.value)
        except Problem:
            self.refuse_mistyped(word)
            raise
        if slot.several:
            several.append(value)
        else:
            given[slot.name] = value

    def refuse_nearly(self, text: str, position: int) -> None:
        """Raises Problem where the rest of a line begins with what is nearly an option, in small letters."""
        found = OPTION.match(text, position)
        if found and found[1].islower() and len(found[1]) >= LEAST_NEAR:
            self.refuse_mistyped(Word(found[0], False, found.start(), found.end()))

    def refuse_mistyped(self, word: Word) -> None:
        """Raises Problem where a word that does not fit looks like the name of an option, nearly."""
        found = OPTION.match(word.value)
        options = [each.word for each in self.typed if not each.required and not each.several and not each.flag]
        nearest = near(found[1], options) if found and found[1] not in options else ""
        if found and nearest:
            raise Problem(f"there is no {found[1]}=; did you mean {nearest}=?")

    def arguments(self, given: dict[str, Any], several: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named values; raises where something required is missing."""
        for each in self.typed:
            if each.required and each.name not in given:
                raise Problem(f"{each.word} is missing")
        if several:
            before = takewhile(lambda each: not each.several, self.typed)
            return [*[given.pop(each.name) for each in before], *several], given
        return [], given


def unquoted(text: str) -> str:
    """The text without its quotes, where one pair encloses all of it."""
    try:
        piece, end = quoted_piece(text, 0) if text[:1] in ("'", '"') else ("", 0)
    except Problem:
        return text
    return piece if end == len(text) else text


def signature_of(function: Callable[..., Any]) -> Signature:
    """Read a function's signature; raises Problem where a person could not type, or the bot not find, something."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise Problem(f"{function.__name__}: its types cannot be read: {error}") from None
    typed: list[Parameter] = []
    needs: list[tuple[str, Any]] = []
    for each in inspect.signature(function).parameters.values():
        wanted = hints.get(each.name, str)
        if each.kind is each.KEYWORD_ONLY and each.default is each.empty:
            if each.name not in hints:
                raise Problem(f"{function.__name__}: {each.name} stands after the *, so it needs a type to be found by")
            needs.append((each.name, wanted))
        elif each.kind is each.VAR_KEYWORD:
            raise Problem(f"{function.__name__}: **{each.name} cannot be typed; name the options one by one")
        else:
            typed.append(parameter(function.__name__, each, wanted))
    check_order(function.__name__, typed)
    return Signature(tuple(typed), tuple(needs))


def parameter(function: str, each: inspect.Parameter, wanted: Any) -> Parameter:
    """One typed parameter; raises Problem where no word can become its type."""
    convert = converter(wanted)
    if convert is None:
        raise Problem(
            f"{function}: {each.name} stands before the *, so a person types it, but no word can become "
            f"{getattr(wanted, '__name__', wanted)}; move it behind a * or give it a type of words"
        )
    if each.kind is each.POSITIONAL_ONLY:
        raise Problem(f"{function}: {each.name} stands before a /; take that away, so that it can be given by name")
    raw = wanted == Arguments
    rest = raw or wanted == Rest or Rest in get_args(wanted)
    several = each.kind is each.VAR_POSITIONAL
    named_only = each.kind is each.KEYWORD_ONLY
    required = each.default is each.empty and not several
    default = None if each.default is each.empty else each.default
    flag = flag_of(wanted)
    return Parameter(each.name, convert, required, several, rest, named_only, default, flag.word if flag else "", raw)


def check_order(function: str, typed: list[Parameter]) -> None:
    """What takes the rest of the line must be the last that is typed by its place."""
    for place, each in enumerate(typed):
        after = any(later.required or later.rest or later.several for later in typed[place + 1 :])
        if each.rest and (after or each.several):
            raise Problem(f"{function}: {each.name} takes the rest of the line, so nothing can stand after it")
