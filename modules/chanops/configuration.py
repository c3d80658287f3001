"""The INI file: found, read, its secrets fetched, checked."""

import configparser
import os
import re
from dataclasses import dataclass
from pathlib import Path

from chanops.core.errors import Problem
from chanops.core.sections import Settings, settings_from
from chanops.core.settings import Reveal
from chanops.services.files import private

PLACES = ("config.ini", "~/.config/chanops/config.ini", "/etc/chanops/config.ini")
MOST_SECRET = 65536
ENCODING = "utf-8-sig"  # some editors begin a file with a mark


@dataclass(frozen=True)
class Configuration:
    """A file that was read: its settings, and the folder its relative paths start from."""

    path: Path
    settings: Settings

    def beside(self, path: str) -> Path:
        """A path from the file; a relative one starts where the file is."""
        return Path(os.path.realpath(self.path.parent / expanded(path)))

    def reveal(self, kind: str, value: str) -> str:
        """A secret from where its key says it is."""
        return revealer(self.path.parent)(kind, value)


def find(given: str | None) -> Path:
    """The file to read: the one that was named, else the first that is there."""
    if given:
        return expanded(given)
    for place in PLACES:
        if Path(place).expanduser().exists():
            return Path(place).expanduser()
    raise Problem(
        "no configuration found (looked for " + ", ".join(PLACES) + "): write one with "
        "`(umask 077; chanops example-config > config.ini)`, or name one with --config FILE"
    )


def read(path: Path) -> Configuration:
    """The configuration in a file. Raises Problem with what is wrong and how to mend it."""
    path = Path(os.path.realpath(path))
    try:
        text = path.read_text(encoding=ENCODING)
    except (OSError, ValueError) as error:
        raise Problem(f"{path}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None
    private(path, "the configuration, which may hold secrets")
    try:
        return Configuration(path, settings_from(sections_of(text), revealer(path.parent)))
    except Problem as problem:
        raise Problem(f"{path}: {problem}") from None


class Parser(configparser.RawConfigParser):
    """Takes a line for a section only if it is one to its end, so that nothing behind it is lost unseen."""

    SECTCRE = re.compile(r"\[(?P<header>.+)\]\Z")


def sections_of(text: str) -> dict[str, dict[str, str]]:
    """The sections of an INI text.

    A comment is a line with # or ; at its very beginning: an indented #ops is a channel, not a comment.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if not line.startswith(("#", ";"))]
    parser = Parser(delimiters=("=",), comment_prefixes=(), empty_lines_in_values=False, default_section="\0")

    def at(number: int | None) -> str:
        return f"line {lines[(number or 1) - 1][0]}"

    try:
        parser.read_string("\n".join(line for _, line in lines))
    except configparser.MissingSectionHeaderError as error:
        raise Problem(f"{at(error.lineno)}: a key stands before the first [section]") from None
    except configparser.DuplicateSectionError as error:
        raise Problem(f"{at(error.lineno)}: [{error.section}] is there twice: make one of them") from None
    except configparser.DuplicateOptionError as error:
        raise Problem(f"{at(error.lineno)}: [{error.section}] {error.option} is there twice") from None
    except configparser.ParsingError as error:
        raise Problem(f"{at(error.errors[0][0])}: neither a [section] nor `key = value`") from None
    return {section: dict(parser[section]) for section in parser.sections()}


def revealer(folder: Path) -> Reveal:
    """What fetches a secret from a file or the environment."""

    def reveal(kind: str, value: str) -> str:
        if kind == "env":
            if value not in os.environ:
                raise Problem(f"the environment has no {value}")
            return os.environ[value]
        path = folder / expanded(value)
        try:
            secret = path.read_text(encoding=ENCODING)[:MOST_SECRET].rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise Problem(f"{path}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None
        private(path, "the secret")
        return secret

    return reveal


def expanded(path: str) -> Path:
    """A path in which ~ may stand for a home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise Problem(f"{path}: there is no such user") from None
