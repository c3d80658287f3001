"""What is done in channels: entering, leaving, topics, statuses and who is there."""

import time
from collections.abc import Iterable

from chanops.simulator.irc_lines import Line, Message, fold, packed
from chanops.simulator.irc_network import PREFIXES, Channel, Client, Network, RefusedError, Topic, send_all

MOST_CHANNELS = 50
TOPIC_LENGTH = 300
# Of a numeric's 512 bytes, what names of server, client and channel leave to a list.
LIST_WIDTH = 300


def join(net: Network, who: Client, message: Message) -> None:
    if message.params[0] == "0":
        for channel in list(who.channels.values()):
            _part(net, who, channel, "")
    else:
        net.each(who, message.params[0], lambda name: _join(net, who, name))


def _join(net: Network, who: Client, name: str) -> None:
    if fold(name) in who.channels:
        return
    if len(who.channels) >= MOST_CHANNELS:
        raise RefusedError("405", name, "You have joined too many channels")
    channel = net.enter(who, name)
    plain = who.does(f"JOIN {channel.name}")
    extended = who.does(f"JOIN {channel.name} {who.account or '*'} :{who.realname}")
    for member in channel.members:
        member.send(extended if "extended-join" in member.caps else plain)
    if channel.topic is not None:
        _show_topic(net, who, channel)
    _show_names(net, who, channel)


def part(net: Network, who: Client, message: Message) -> None:
    reason = message.params[1] if len(message.params) > 1 else ""

    def leave(name: str) -> None:
        channel = net.channel(name)
        channel.require_member(who)
        _part(net, who, channel, reason)

    net.each(who, message.params[0], leave)


def _part(net: Network, who: Client, channel: Channel, reason: str) -> None:
    send_all(who.does(f"PART {channel.name}" + (f" :{reason}" if reason else "")), channel.members)
    net.leave(who, channel)


def topic(net: Network, who: Client, message: Message) -> None:
    channel = net.channel(message.params[0])
    if len(message.params) == 1:
        _show_topic(net, who, channel)
        return
    channel.require_member(who)
    if "t" in channel.modes:
        channel.require_op(who)
    text = message.params[1][:TOPIC_LENGTH]
    channel.topic = Topic(text, who.prefix, int(time.time())) if text else None
    send_all(who.does(f"TOPIC {channel.name} :{text}"), channel.members)


def _show_topic(net: Network, who: Client, channel: Channel) -> None:
    said = channel.topic
    if said is None:
        net.reply(who, "331", channel.name, "No topic is set")
    else:
        net.reply(who, "332", channel.name, said.text)
        net.reply(who, "333", channel.name, said.by, str(said.at))


def names(net: Network, who: Client, message: Message) -> None:
    def show(name: str) -> None:
        channel = net.channels.get(fold(name))
        if channel is None:
            net.reply(who, "366", name, "End of /NAMES list")
        else:
            _show_names(net, who, channel)

    net.each(who, message.params[0] if message.params else "*", show)


def _show_names(net: Network, who: Client, channel: Channel) -> None:
    every = "multi-prefix" in who.caps
    shown = [channel.marks(member, every) + member.nick for member in channel.members]
    for line in packed(shown, LIST_WIDTH):
        net.reply(who, "353", "=", channel.name, line)
    net.reply(who, "366", channel.name, "End of /NAMES list")


def kick(net: Network, who: Client, message: Message) -> None:
    channel = net.channel(message.params[0])
    reason = message.params[2] if len(message.params) > 2 else who.nick

    def remove(nick: str) -> None:
        channel.require_op(who)
        victim = _member(net, channel, nick)
        send_all(who.does(f"KICK {channel.name} {victim.nick} :{reason}"), channel.members)
        net.leave(victim, channel)

    net.each(who, message.params[1], remove)


def _member(net: Network, channel: Channel, nick: str) -> Client:
    victim = net.user(nick)
    if victim not in channel.members:
        raise RefusedError("441", nick, channel.name, "They aren't on that channel")
    return victim


def invite(net: Network, who: Client, message: Message) -> None:
    guest, channel = net.user(message.params[0]), net.channel(message.params[1])
    channel.require_member(who)
    if guest in channel.members:
        raise RefusedError("443", guest.nick, channel.name, "is already on channel")
    net.reply(who, "341", guest.nick, channel.name)
    guest.send(who.does(f"INVITE {guest.nick} {channel.name}"))


def list_channels(net: Network, who: Client, message: Message) -> None:
    net.reply(who, "321", "Channel", "Users  Name")
    for channel in _asked_for(net, message.params):
        text = channel.topic.text if channel.topic else ""
        net.reply(who, "322", channel.name, str(len(channel.members)), text)
    net.reply(who, "323", "End of /LIST")


def _asked_for(net: Network, params: tuple[str, ...]) -> Iterable[Channel]:
    if not params:
        return list(net.channels.values())
    wanted = dict.fromkeys(fold(name) for name in params[0].split(","))
    return [net.channels[name] for name in wanted if name in net.channels]


def mode(net: Network, who: Client, message: Message) -> None:
    target, *rest = message.params
    if target.startswith("#"):
        _channel_mode(net, who, net.channel(target), rest)
    elif net.user(target) is not who:
        raise RefusedError("502", "Can't change mode for other users")
    else:
        _user_mode(net, who, rest)


def _user_mode(net: Network, who: Client, params: list[str]) -> None:
    if not params:
        net.reply(who, "221", "+" + "".join(sorted(who.modes)))
        return
    for sign, letter in _signed(params[0]):
        if letter != "i":
            net.reply(who, "501", "Unknown MODE flag")
        elif (letter in who.modes) != (sign == "+"):
            who.modes ^= {letter}
            who.send(Line(who.prefix, f"MODE {who.nick} :{sign}{letter}"))


def _signed(flags: str) -> list[tuple[str, str]]:
    """Each letter with the sign it stands under: +o-v is (+, o), (-, v)."""
    sign, found = "+", []
    for letter in flags:
        if letter in "+-":
            sign = letter
        else:
            found.append((sign, letter))
    return found


def _channel_mode(net: Network, who: Client, channel: Channel, params: list[str]) -> None:
    if not params:
        net.reply(who, "324", channel.name, "+" + "".join(sorted(channel.modes)))
        net.reply(who, "329", channel.name, str(channel.created))
    elif len(params) == 1 and params[0] in ("b", "+b"):
        net.reply(who, "368", channel.name, "End of channel ban list")
    else:
        _change_modes(net, who, channel, params)


def _change_modes(net: Network, who: Client, channel: Channel, params: list[str]) -> None:
    channel.require_op(who)
    flags, *nicks = params
    done = [change for change in _changes(net, who, channel, flags, nicks) if change]
    if done:
        letters = "".join(sign for sign, _ in done)
        given = "".join(f" {nick}" for _, nick in done if nick)
        send_all(who.does(f"MODE {channel.name} {letters}{given}"), channel.members)


def _changes(
    net: Network, who: Client, channel: Channel, flags: str, nicks: list[str]
) -> Iterable[tuple[str, str] | None]:
    """What of the flags took effect: each signed letter with the nick it was given to, or none."""
    for sign, letter in _signed(flags):
        try:
            if letter in PREFIXES:
                yield _set_status(net, channel, sign, letter, nicks.pop(0)) if nicks else None
            else:
                yield _set_flag(channel, sign, letter)
        except RefusedError as refusal:
            net.reply(who, refusal.code, *refusal.params)


def _set_status(net: Network, channel: Channel, sign: str, letter: str, nick: str) -> tuple[str, str] | None:
    member = _member(net, channel, nick)
    if (letter in channel.members[member]) == (sign == "+"):
        return None
    channel.members[member] ^= {letter}
    return sign + letter, member.nick


def _set_flag(channel: Channel, sign: str, letter: str) -> tuple[str, str] | None:
    if letter not in "nt":
        raise RefusedError("472", letter, "is unknown mode char to me")
    if (letter in channel.modes) == (sign == "+"):
        return None
    channel.modes ^= {letter}
    return sign + letter, ""
