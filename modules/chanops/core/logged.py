"""What a channel's log keeps of what happened there: which events, and their text."""

from chanops.core.message import Message
from chanops.core.text import UNSEEN, plain

LOGGED = ("message", "action", "notice", "join", "part", "quit", "kick", "nick", "topic", "mode")
ACTION = "\x01ACTION "
OFF = ("[off]", "[nolog]")


def log_text(said: Message) -> str:
    """The text by its kind: what was said, a reason, "bob the reason" for a kick, "+o bob" for a mode, or a nick."""
    if said.event == "join":
        return ""
    if said.event == "mode":
        return " ".join(said.params[1:])
    text = said.raw or said.text
    if said.event == "kick":
        return " ".join(filter(None, (*said.params[1:2], text)))
    if said.event == "action" and text.startswith(ACTION):
        return text[len(ACTION) :].rstrip("\x01")
    return text


def is_off(text: str, kind: str = "message") -> bool:
    """Whether whoever said this, a log's text of that kind, does not want it kept; of a kick, the reason tells."""
    words = plain(text.partition(" ")[2] if kind == "kick" else text)
    seen = words if words.isprintable() else UNSEEN.sub("", words)
    return seen.lstrip().lower().startswith(OFF)
