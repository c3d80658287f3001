"""The pretended shell's grammar: words and operators into the commands they mean."""

import re

from chanops.simulator.ssh_syntax import (
    Body,
    Chain,
    Command,
    For,
    Garbled,
    Group,
    If,
    Operator,
    Part,
    Pipeline,
    Redirection,
    Scanner,
    Script,
    Simple,
    While,
    Word,
)

_VALUE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_REDIRECTIONS = {"<", ">", ">>", ">&", "<&", "&>", "<<"}
_CLOSING = {"then", "else", "elif", "fi", "do", "done", "}"}


def parse(text: str) -> Script:
    """The commands of a text; Garbled when it has none."""
    parser = _Parser(Scanner(text).tokens())
    script = parser.script()
    parser.end()
    return script


class _Parser:
    def __init__(self, tokens: list[Word | Operator]) -> None:
        self._tokens = tokens
        self._at = 0

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._unexpected()

    def script(self) -> Script:
        """Commands until something that closes what they are in."""
        chains: Script = []
        while True:
            self._skip_lines()
            if self._at == len(self._tokens) or self._sees(")") or self._keyword() in _CLOSING:
                return chains
            chain = self._chain()
            chains.append(chain)
            chain.background = self._takes("&")
            if not chain.background and not self._takes("\n", ";"):
                return chains

    def _chain(self) -> Chain:
        chain = Chain([("", self._pipeline())])
        while self._sees("&&", "||"):
            operator = self._operator()
            self._skip_lines()
            chain.links.append((operator, self._pipeline()))
        return chain

    def _pipeline(self) -> Pipeline:
        negated = self._keyword() == "!"
        self._at += negated
        commands = [self._command()]
        while self._takes("|"):
            self._skip_lines()
            commands.append(self._command())
        return Pipeline(commands, negated)

    def _command(self) -> Command:
        redirections: list[Redirection] = []
        keyword = self._keyword()
        body: Body
        if self._takes("("):
            body = Group(self._some(), True)
            self._expect(")")
        elif keyword == "{":
            self._at += 1
            body = Group(self._some(), False)
            self._expect("}")
        elif keyword == "if":
            body = self._if()
        elif keyword == "for":
            body = self._for()
        elif keyword in ("while", "until"):
            self._at += 1
            condition = self._some()
            body = While(condition, self._do(), keyword == "until")
        else:
            return Command(self._simple(redirections), redirections)
        while self._redirects():
            redirections.append(self._redirection())
        return Command(body, redirections)

    def _simple(self, redirections: list[Redirection]) -> Simple:
        made = Simple()
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if self._redirects():
                redirections.append(self._redirection())
            elif isinstance(token, Operator):
                break
            else:
                self._at += 1
                value = _value(token) if not made.words else None
                if value is not None:
                    made.values.append(value)
                else:
                    made.words.append(token)
        if not (made.words or made.values or redirections) or self._sees("("):
            raise self._unexpected()
        return made

    def _if(self) -> If:
        arms = []
        while self._keyword() in ("if", "elif"):
            self._at += 1
            condition = self._some()
            self._expect("then")
            arms.append((condition, self._some()))
        otherwise: Script = []
        if self._keyword() == "else":
            self._at += 1
            otherwise = self._some()
        self._expect("fi")
        return If(arms, otherwise)

    def _for(self) -> For:
        self._at += 1
        name = self._keyword()
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise Garbled("Bad for loop variable")
        self._at += 1
        words: list[Word] | None = None
        self._skip_lines()
        if self._keyword() == "in":
            self._at += 1
            words = []
            while self._at < len(self._tokens):
                token = self._tokens[self._at]
                if isinstance(token, Operator):
                    break
                words.append(token)
                self._at += 1
        while self._takes("\n", ";"):
            pass
        return For(name, words, self._do())

    def _do(self) -> Script:
        self._expect("do")
        body = self._some()
        self._expect("done")
        return body

    def _some(self) -> Script:
        """Commands, at least one."""
        found = self.script()
        if not found:
            raise self._unexpected()
        return found

    def _redirects(self) -> bool:
        return self._sees(*_REDIRECTIONS)

    def _redirection(self) -> Redirection:
        operator = self._tokens[self._at]
        assert isinstance(operator, Operator)
        self._at += 1
        stream = operator.stream if operator.stream >= 0 else int(operator.text[0] != "<")
        if operator.text == "<<":
            return Redirection("<<", stream, operator.body)
        target = self._tokens[self._at] if self._at < len(self._tokens) else Operator("\n")
        if isinstance(target, Operator):
            raise self._unexpected()
        self._at += 1
        return Redirection(operator.text, stream, target)

    def _sees(self, *texts: str) -> bool:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return isinstance(token, Operator) and token.text in texts

    def _takes(self, *texts: str) -> bool:
        seen = self._sees(*texts)
        self._at += seen
        return seen

    def _skip_lines(self) -> None:
        while self._takes("\n"):
            pass

    def _operator(self) -> str:
        token = self._tokens[self._at]
        assert isinstance(token, Operator)
        self._at += 1
        return token.text

    def _keyword(self) -> str:
        """The next word, when nothing in it is quoted or expanded."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if isinstance(token, tuple) and len(token) == 1 and token[0].kind == "text" and not token[0].quoted:
            return token[0].text
        return ""

    def _expect(self, text: str) -> None:
        if self._keyword() != text and not self._sees(text):
            raise self._unexpected()
        self._at += 1

    def _unexpected(self) -> Garbled:
        if self._at >= len(self._tokens):
            return Garbled("end of file unexpected")
        token = self._tokens[self._at]
        if isinstance(token, Operator):
            return Garbled("newline unexpected" if token.text == "\n" else f'"{token.text}" unexpected')
        return Garbled(f'"{self._keyword()}" unexpected' if self._keyword() else "word unexpected")


def _value(word: Word) -> tuple[str, Word] | None:
    """The name and the value of NAME=value; None for any other word."""
    if not word or word[0].kind != "text" or word[0].quoted:
        return None
    matched = _VALUE.fullmatch(word[0].text)
    if matched is None:
        return None
    first = (Part("text", matched[2], False),) if matched[2] else ()
    return matched[1], (*first, *word[1:])
