"""What keeps the bot in order."""

from typing import Any

from chanops import Message, Reload, command
from chanops.services import Confirmations


@command("confirm")
def confirm(code: str, *, said: Message, confirmations: Confirmations) -> Any:
    """Carry out what was shown, with the code that was shown."""
    return confirmations.carry_out(code, said)


@command("reload", role="admin")
def reload(*, work: Reload) -> str:
    """Load configuration and plugins anew; if anything is broken, all stays as it was."""
    return work()
