"""The lines of a text file, whatever its bytes are."""

import os
from collections.abc import Iterator
from pathlib import Path

from chanops.core.errors import Problem
from chanops.services.oldlogs.base import Tally

LONGEST = 65536  # bytes; a line of IRC has at most some thousand
MARK = b"\xef\xbb\xbf"
TABLE = {0: None, 13: " "}  # what no database or no line can hold


def lines_of(path: Path, encoding: str, tally: Tally) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers; one that is too long is told of and passed over."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LONGEST):
            number += 1
            tally.lines += 1
            tally.size += len(raw)
            if len(raw) == LONGEST and not raw.endswith(b"\n"):
                tally.note(number, raw[:100].decode("latin-1"), "longer than any line of a log")
                while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
                    tally.size += len(rest)
                tally.size += len(rest)
                continue
            if number == 1:
                raw = raw.removeprefix(MARK)
            yield number, decoded(raw.rstrip(b"\r\n"), encoding, tally)


def decoded(raw: bytes, encoding: str, tally: Tally) -> str:
    """The text of a line; where it is not in its encoding, in the one that most clients had before UTF-8."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        tally.recoded += 1
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return text.translate(TABLE) if "\0" in text or "\r" in text else text


def readable(text: str) -> str:
    """The name of a file, or a word from the command line, whatever its bytes are: as people read it."""
    return decoded(os.fsencode(text), "utf-8", Tally()) if any("\ud800" <= c <= "\udfff" for c in text) else text


def usable(encoding: str) -> str:
    """An encoding in which lines can be told apart. Raises Problem."""
    try:
        # One byte for each of these, or lines could not be found before they are decoded.
        if "<a>\r\n".encode(encoding) == b"<a>\r\n" and b"\xe9".decode(encoding, "replace"):
            return encoding
    except (LookupError, TypeError, UnicodeError):
        raise Problem(f"--encoding {encoding}: not known; most are utf-8, some cp1252, latin-1, iso-8859-15") from None
    raise Problem(f"--encoding {encoding}: convert such files first: iconv -f {encoding} -t utf-8")
