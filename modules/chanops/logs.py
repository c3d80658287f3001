"""The log goes to standard error, where systemd and containers look for it, and no secret with it."""

import logging
import sys
import threading
from contextlib import suppress
from types import TracebackType

from chanops.core.masking import Mask, mask_for

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
log = logging.getLogger(__name__)


class Masking(logging.Formatter):
    """Masks all that is written of a record, its traceback too."""

    mask = mask_for(())

    def format(self, record: logging.LogRecord) -> str:
        """A record as it may be shown."""
        return self.mask.text(super().format(record))


class Output(logging.StreamHandler):  # type: ignore[type-arg]  # it has none when it runs
    """Where the log goes."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging calls it so
        """Say that a record is lost without what was in it: what cannot be formatted cannot be masked."""
        kind = sys.exc_info()[0] or Exception
        with suppress(OSError, ValueError):  # nobody reads any more
            self.stream.write(f"{record.pathname}:{record.lineno}: a line of the log is lost: {kind.__name__}\n")


formatter = Masking(LINE)


def start(level: str) -> None:
    """Begin to log."""
    output = Output(sys.stderr)
    output.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[output])
    logging.getLogger("irc").setLevel(logging.WARNING)


def use(mask: Mask) -> None:
    """From now on this is what is masked."""
    formatter.mask = mask


def catch() -> None:
    """Log what nobody catches, in any thread, instead of having it written as it is."""
    sys.excepthook = uncaught
    threading.excepthook = lambda hook: uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)


def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Log an exception that ends the program, or a thread."""
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        log.critical("nobody caught this", exc_info=(kind, error or kind(), trace))
