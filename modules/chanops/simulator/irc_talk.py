"""What people say to each other: PRIVMSG, NOTICE and TAGMSG, to channels, nicks and NickServ."""

import time
import uuid
from collections.abc import Iterable
from dataclasses import replace

from chanops.simulator.irc_lines import Line, Message, fold
from chanops.simulator.irc_login import nickserv
from chanops.simulator.irc_network import SERVICE, Client, Network, RefusedError

MOST_TARGETS = 4


def privmsg(net: Network, who: Client, message: Message) -> None:
    targets, text = _addressed(message)
    who.spoke = time.time()

    def speak(target: str) -> None:
        _speak(net, who, message, target, text)
        if fold(target) == fold(SERVICE):
            nickserv(net, who, text)
        elif not target.startswith("#"):
            _tell_away(net, who, net.user(target))

    net.each(who, targets, speak)


def notice(net: Network, who: Client, message: Message) -> None:
    # No error may answer a NOTICE: two programs could go on answering each other for ever.
    for target in dict.fromkeys(message.params[0].split(",")[:MOST_TARGETS] if message.params else ()):
        try:
            _speak(net, who, message, target, _addressed(message)[1])
        except RefusedError:
            continue


def tagmsg(net: Network, who: Client, message: Message) -> None:
    if "message-tags" not in who.caps:
        raise RefusedError("421", "TAGMSG", "Unknown command")
    net.each(who, message.params[0], lambda target: _speak(net, who, message, target, None))


def _addressed(message: Message) -> tuple[str, str]:
    if not message.params:
        raise RefusedError("411", f"No recipient given ({message.command})")
    if len(message.params) < 2 or not message.params[1]:
        raise RefusedError("412", "No text to send")
    if message.params[0].count(",") >= MOST_TARGETS:
        raise RefusedError("407", message.params[0], "Too many recipients")
    return message.params[0], message.params[1]


def _speak(net: Network, who: Client, message: Message, target: str, text: str | None) -> None:
    name, receivers = _receivers(net, who, target)
    body = f"{message.command} {name}" + ("" if text is None else f" :{text}")
    tags = message.client_tags if "message-tags" in who.caps else ()
    line = replace(who.does(body), msgid=uuid.uuid4().hex, client_tags=tags)
    for receiver in receivers:
        _hand(receiver, line, text)
    if "echo-message" in who.caps:
        _hand(who, line, text)


def _hand(receiver: Client, line: Line, text: str | None) -> None:
    if text is not None or "message-tags" in receiver.caps:
        receiver.send(line)


def _receivers(net: Network, who: Client, target: str) -> tuple[str, Iterable[Client]]:
    """The target's own spelling, and who hears what is said to it."""
    if fold(target) == fold(SERVICE):
        return SERVICE, []
    if not target.startswith("#"):
        user = net.user(target)
        return user.nick, [user]
    channel = net.channel(target)
    if who not in channel.members and "n" in channel.modes:
        raise RefusedError("404", channel.name, "Cannot send to channel")
    return channel.name, [member for member in channel.members if member is not who]


def _tell_away(net: Network, who: Client, user: Client) -> None:
    if user.away:
        net.reply(who, "301", user.nick, user.away)


def away(net: Network, who: Client, message: Message) -> None:
    who.away = message.params[0] if message.params else ""
    if who.away:
        net.reply(who, "306", "You have been marked as being away")
    else:
        net.reply(who, "305", "You are no longer marked as being away")
