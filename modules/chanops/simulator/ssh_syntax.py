"""The pretended shell's language: a text into words and commands, as much of sh as people send to machines."""

import re
from dataclasses import dataclass, field
from typing import Union

_OPERATORS = ("&&", "||", "<<-", "<<", ">>", ">&", "<&", "&>", ";;", "\n", ";", "&", "|", "(", ")", "<", ">")
_END_OF_WORD = " \t\n;&|<>()"
_BARE, _QUOTED = re.compile(r"""[^\s;&|<>()'"\\$`]+"""), re.compile(r"""[^"\\$`]+""")
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!]")
_BRACED = re.compile(r"(#?)([A-Za-z_]\w*|[0-9]+|[@*#?$!])(?:(:?[-=+?])(.*))?", re.DOTALL)


class Garbled(Exception):
    """A text that is no command, and why, as sh says it."""


@dataclass(frozen=True)
class Part:
    """A piece of a word; kind: text, variable, command or sum. `otherwise` is what ${name:-this} has, after ":-"."""

    kind: str
    text: str
    quoted: bool
    operator: str = ""
    otherwise: tuple["Part", ...] = ()


Word = tuple[Part, ...]


@dataclass
class Operator:
    """What is no word; `stream` is the number before < or >, `body` what a here-document holds."""

    text: str
    stream: int = -1
    body: Word = ()


@dataclass(frozen=True)
class Redirection:
    kind: str
    stream: int
    target: Word


@dataclass
class Simple:
    """NAME=value … command words …"""

    values: list[tuple[str, Word]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)


@dataclass
class Group:
    """{ …; } or ( … )."""

    body: "Script"
    apart: bool


@dataclass
class If:
    arms: list[tuple["Script", "Script"]]
    otherwise: "Script"


@dataclass
class For:
    name: str
    words: list[Word] | None
    body: "Script"


@dataclass
class While:
    condition: "Script"
    body: "Script"
    until: bool


Body = Union[Simple, Group, If, For, While]  # noqa: UP007  some are named before they are there


@dataclass
class Command:
    body: Body
    redirections: list[Redirection]


@dataclass
class Pipeline:
    commands: list[Command]
    negated: bool


@dataclass
class Chain:
    """Pipelines joined by && and ||; the first has "" before it."""

    links: list[tuple[str, Pipeline]]
    background: bool = False


Script = list[Chain]


class Scanner:
    """A text into words and operators."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._waiting: list[tuple[Operator, str, bool, bool]] = []

    def tokens(self) -> list[Word | Operator]:
        found: list[Word | Operator] = []
        while self._at < len(self._text):
            here = self._text[self._at]
            if here in " \t" or self._text.startswith("\\\n", self._at):
                self._at += 1 if here in " \t" else 2
            elif here == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif (operator := self._operator()) is not None:
                found.append(operator)
                if operator.text == "\n":
                    self._read_bodies()
            else:
                found.append(tuple(self.parts(_END_OF_WORD)))
        self._read_bodies()
        return found

    def _operator(self) -> Operator | None:
        at, stream = self._at, -1
        if re.match(r"[0-9][<>]", self._text[at : at + 2]):
            stream, at = int(self._text[at]), at + 1
        text = next((each for each in _OPERATORS if self._text.startswith(each, at)), None)
        if text is None:
            return None
        self._at = at + len(text)
        if text not in ("<<", "<<-"):
            return Operator(text, stream)
        made = Operator("<<", stream)
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
        mark = self.parts(_END_OF_WORD)
        plain = not any(each.quoted for each in mark)
        self._waiting.append((made, "".join(each.text for each in mark), plain, text == "<<-"))
        return made

    def _read_bodies(self) -> None:
        """The here-documents that the line asked for."""
        for operator, mark, plain, tabs in self._waiting:
            lines = []
            while self._at < len(self._text):
                line, _, _ = self._text[self._at :].partition("\n")
                self._at += len(line) + 1
                line = line.lstrip("\t") if tabs else line
                if line == mark:
                    break
                lines.append(line + "\n")
            body = "".join(lines)
            operator.body = tuple(Scanner(body).parts("", True)) if plain else (Part("text", body, True),)
        self._waiting = []

    def parts(self, end: str, quoted: bool = False) -> list[Part]:
        """The pieces until one of the characters `end`, or the end of the text."""
        found: list[Part] = []
        while self._at < len(self._text) and (here := self._text[self._at]) not in end:
            self._at += 1
            if here == "'" and not quoted:
                found.append(Part("text", self._until("'"), True))
            elif here == '"' and end != '"' and not quoted:
                found += self.parts('"', True) or [Part("text", "", True)]
                self._expect('"')
            elif here == "\\":
                found += self._escaped(quoted)
            elif here == "$":
                found.append(self._dollar(quoted))
            elif here == "`":
                found.append(Part("command", self._until("`"), quoted))
            else:
                run = (_QUOTED if quoted else _BARE).match(self._text, self._at)
                rest = run[0] if run is not None else ""
                self._at += len(rest)
                found.append(Part("text", here + rest, quoted))
        return found

    def _escaped(self, quoted: bool) -> list[Part]:
        after = self._text[self._at : self._at + 1]
        self._at += 1
        if after == "\n":
            return []
        return [Part("text", "\\" + after if quoted and after not in '$`"\\' else after, True)]

    def _dollar(self, quoted: bool) -> Part:
        rest = self._text[self._at : self._at + 2]
        if rest == "((":
            self._at += 2
            return Part("sum", self._until("))"), quoted)
        if rest[:1] == "(":
            self._at += 1
            return Part("command", self._parenthesis(), quoted)
        if rest[:1] == "{":
            self._at += 1
            inner = self._until("}")
            matched = _BRACED.fullmatch(inner)
            if matched is None or (matched[1] and matched[3]):
                raise Garbled("Bad substitution")
            other = tuple(Scanner(matched[4] or "").parts("", quoted))
            return Part("variable", matched[2], quoted, matched[1] or matched[3] or "", other)
        name = _NAME.match(self._text, self._at)
        if name is None:
            return Part("text", "$", True)
        self._at = name.end()
        return Part("variable", name[0], quoted)

    def _parenthesis(self) -> str:
        """The text until the parenthesis that closes; those inside quotes do not count."""
        begin, depth = self._at, 1
        while self._at < len(self._text):
            here = self._text[self._at]
            self._at += 1
            depth += {"(": 1, ")": -1}.get(here, 0)
            if depth == 0:
                return self._text[begin : self._at - 1]
            if here == "\\":
                self._at += 1
            elif here in "'\"":
                self._until(here)
        raise Garbled("end of file unexpected")

    def _until(self, end: str) -> str:
        found = self._text.find(end, self._at)
        if found < 0:
            raise Garbled("Unterminated quoted string")
        text, self._at = self._text[self._at : found], found + len(end)
        return text

    def _expect(self, text: str) -> None:
        if not self._text.startswith(text, self._at):
            raise Garbled("Unterminated quoted string")
        self._at += len(text)
