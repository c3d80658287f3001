"""The pretended shell's words: variables, sums, the output of commands, patterns of file names."""

import ast
import fnmatch
import operator
import posixpath
import re
from collections.abc import Callable
from typing import Protocol

from chanops.simulator.ssh_files import Disk, absolute
from chanops.simulator.ssh_process import Exit
from chanops.simulator.ssh_syntax import Garbled, Part, Scanner, Word

_GLOB = re.compile(r"[*?\[]")
_MOST_DIGITS = 18
_SUMS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: lambda one, other: int(one / other),
    ast.Mod: operator.mod,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Scope(Protocol):
    """What words mean where they stand."""

    name: str
    words: list[str]
    variables: dict[str, str]
    options: set[str]
    status: int
    folder: str

    @property
    def disk(self) -> Disk: ...

    def output_of(self, text: str) -> str:
        """What a command writes."""

    def complain(self, text: str) -> None: ...


def fields(scope: Scope, word: Word) -> list[str]:
    """What a word becomes, which may be several words or none."""
    found: list[list[tuple[str, bool]]] = []
    # A space outside of quotes ends a field; the next piece begins another.
    ended = True

    def add(text: str, quoted: bool) -> None:
        nonlocal ended
        if ended:
            found.append([])
        found[-1].append((text, quoted))
        ended = False

    for place, part in enumerate(word):
        if part.kind == "variable" and part.text == "@" and part.quoted:
            for number, each in enumerate(scope.words):
                ended = ended or number > 0
                add(each, True)
        elif part.quoted or part.kind == "text":
            text = value(scope, part)
            add(_at_home(scope, text) if place == 0 and not part.quoted else text, part.quoted)
        else:
            text = value(scope, part)
            ended = ended or text[:1].isspace()
            for number, each in enumerate(text.split()):
                ended = ended or number > 0
                add(each, False)
            ended = ended or text[-1:].isspace()
    return [name for each in found for name in _names(scope, each)]


def text(scope: Scope, word: Word) -> str:
    """What a word becomes where it stays one."""
    first = word[0] if word else None
    texts = [value(scope, part) for part in word]
    if first is not None and first.kind == "text" and not first.quoted:
        texts[0] = _at_home(scope, texts[0])
    return "".join(texts)


def value(scope: Scope, part: Part) -> str:
    if part.kind == "text":
        return part.text
    if part.kind == "command":
        return scope.output_of(part.text).rstrip("\n")
    if part.kind == "sum":
        return str(_sum(scope, part.text))
    known = _variable(scope, part.text)
    if part.operator == "#":
        return str(len(known or ""))
    given = known or None if part.operator.startswith(":") else known
    if part.operator.endswith("+"):
        return "" if given is None else text(scope, part.otherwise)
    if given is not None:
        return given
    if part.operator.endswith(("-", "=")):
        other = text(scope, part.otherwise)
        if part.operator.endswith("="):
            scope.variables[part.text] = other
        return other
    if part.operator or ("u" in scope.options and part.text not in "@*"):
        scope.complain(f"{part.text}: {text(scope, part.otherwise) or 'parameter not set'}")
        raise Exit(2)
    return ""


def _variable(scope: Scope, name: str) -> str | None:
    if name in "@*":
        return " ".join(scope.words) if scope.words else None
    if name.isdigit():
        number = int(name[:_MOST_DIGITS])
        known = [scope.name, *scope.words]
        return known[number] if number < len(known) else None
    if name in "#?$!":
        return {"#": str(len(scope.words)), "?": str(scope.status), "$": "1412", "!": "1413"}[name]
    return scope.variables.get(name)


def _sum(scope: Scope, asked: str) -> int:
    """The value of $(( … )): whole numbers, names, + - * / % and comparisons."""
    plain = text(scope, tuple(Scanner(asked).parts("", True))).replace("/", "//")
    try:
        found = _worked_out(scope, ast.parse(plain.strip(), mode="eval").body)
        return (found + 2**63) % 2**64 - 2**63
    except (SyntaxError, ValueError, ArithmeticError, KeyError, RecursionError):
        raise Garbled(f"arithmetic expression: {asked!r}") from None


def _worked_out(scope: Scope, node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return int(scope.variables.get(node.id) or "0")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_worked_out(scope, node.operand)
    if isinstance(node, ast.BinOp):
        return _SUMS[type(node.op)](_worked_out(scope, node.left), _worked_out(scope, node.right))
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _SUMS[type(node.ops[0])](_worked_out(scope, node.left), _worked_out(scope, node.comparators[0]))
    raise ValueError(type(node).__name__)


def _at_home(scope: Scope, text: str) -> str:
    return scope.variables.get("HOME", "/") + text[1:] if text == "~" or text.startswith("~/") else text


def _names(scope: Scope, pieces: list[tuple[str, bool]]) -> list[str]:
    """The files that a pattern stands for; what is no pattern, and what stands for none, as it is."""
    plain = "".join(text for text, _ in pieces)
    if not any(_GLOB.search(text) for text, quoted in pieces if not quoted):
        return [plain]
    pattern = "".join(_GLOB.sub(lambda found: f"[{found[0]}]", text) if quoted else text for text, quoted in pieces)
    found = ["/" if pattern.startswith("/") else ""]
    for piece in pattern.strip("/").split("/"):
        found = [posixpath.join(folder, name) for folder in found for name in _matching(scope, folder, piece)]
    return found or [plain]


def _matching(scope: Scope, folder: str, pattern: str) -> list[str]:
    try:
        names = scope.disk.names(absolute(folder, scope.folder))
    except OSError:
        return []
    if pattern in (".", ".."):
        return [pattern]
    return [each for each in fnmatch.filter(names, pattern) if pattern.startswith(".") or not each.startswith(".")]
