"""Who is who: registering, nicks, and the questions asked about users and the server."""

import re
import time
from collections.abc import Callable, Iterable

from chanops.simulator.irc_channels import LIST_WIDTH, MOST_CHANNELS, TOPIC_LENGTH
from chanops.simulator.irc_lines import Message, packed
from chanops.simulator.irc_login import log_in_by_pass
from chanops.simulator.irc_network import Channel, Client, Network, RefusedError, peers, send_all
from chanops.simulator.irc_talk import MOST_TARGETS

VERSION = "chanops-demo"
_Shown = Callable[[Client], str]
_NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}")
_NOT_USER = re.compile(r"[^A-Za-z0-9._-]")
_ISUPPORT = (
    f"CASEMAPPING=ascii CHANLIMIT=#:{MOST_CHANNELS} CHANMODES=,,,nt CHANNELLEN=64 "
    "CHANTYPES=# LINELEN=512 NETWORK=Demo NICKLEN=30 PREFIX=(ov)@+",
    f"TARGMAX=PRIVMSG:{MOST_TARGETS},NOTICE:{MOST_TARGETS},JOIN:,PART:,NAMES:,KICK:,LIST:,WHOIS:,TAGMSG: "
    f"TOPICLEN={TOPIC_LENGTH} USERLEN=10 WHOX",
)


def password(net: Network, who: Client, message: Message) -> None:
    _require_unregistered(who)
    who.password = message.params[0]


def user(net: Network, who: Client, message: Message) -> None:
    _require_unregistered(who)
    who.user = _NOT_USER.sub("", message.params[0])[:10] or "user"
    who.realname = message.params[3][:LIST_WIDTH]


def _require_unregistered(who: Client) -> None:
    if who.registered:
        raise RefusedError("462", "You may not reregister")


def nick(net: Network, who: Client, message: Message) -> None:
    if not message.params or not message.params[0]:
        raise RefusedError("431", "No nickname given")
    wanted = message.params[0]
    if not _NICK.fullmatch(wanted):
        raise RefusedError("432", wanted, "Erroneous nickname")
    if wanted == who.nick:
        return
    told = who.does(f"NICK :{wanted}")
    net.rename(who, wanted)
    if who.registered:
        send_all(told, [who, *peers(who)])


def register_if_ready(net: Network, who: Client) -> None:
    """Make a user of a client which has told its nick and name, and has done with CAP."""
    if who.registered or who.negotiating or not who.nick or not who.user:
        return
    who.registered = True
    log_in_by_pass(net, who)
    _welcome(net, who)


def _welcome(net: Network, who: Client) -> None:
    net.reply(who, "001", f"Welcome to the Demo Network {who.prefix}")
    net.reply(who, "002", f"Your host is {net.name}, running version {VERSION}")
    net.reply(who, "003", f"This server was created {net.started}")
    net.reply(who, "004", net.name, VERSION, "i", "nov", "ov")
    for tokens in _ISUPPORT:
        net.reply(who, "005", *tokens.split(" "), "are supported by this server")
    lusers(net, who, Message("LUSERS", ()))
    motd(net, who, Message("MOTD", ()))


def lusers(net: Network, who: Client, message: Message) -> None:
    count = len(net.users())
    net.reply(who, "251", f"There are {count} users and 0 invisible on 1 servers")
    net.reply(who, "254", str(len(net.channels)), "channels formed")
    net.reply(who, "255", f"I have {count} clients and 0 servers")


def motd(net: Network, who: Client, message: Message) -> None:
    net.reply(who, "375", f"- {net.name} Message of the day -")
    net.reply(who, "372", "- A network for trying things out; it forgets all when it stops.")
    net.reply(who, "372", "- Accounts: /msg NickServ HELP")
    net.reply(who, "376", "End of /MOTD command")


def ping(net: Network, who: Client, message: Message) -> None:
    net.tell(who, f"PONG {net.name} :{message.params[0]}")


def pong(net: Network, who: Client, message: Message) -> None:
    """Nothing to do: any bytes at all have shown that the client is there."""


def leave(net: Network, who: Client, message: Message) -> None:
    who.hang_up(f"Quit: {message.params[0] if message.params else who.nick}")


def who_is_there(net: Network, who: Client, message: Message) -> None:
    mask = message.params[0] if message.params else "*"
    _, extended, wanted = message.params[1].partition("%") if len(message.params) > 1 else ("", "", "")
    fields, _, token = wanted.partition(",")
    for member, channel in _matching(net, mask):
        facts = _facts(net, who, member, channel)
        if extended:
            net.reply(who, "354", *_whox(facts, fields, token))
        else:
            net.reply(who, "352", *(facts[letter] for letter in "cuhsnf"), f"0 {member.realname}")
    net.reply(who, "315", mask, "End of /WHO list")


def _matching(net: Network, mask: str) -> list[tuple[Client, Channel | None]]:
    try:
        if mask.startswith("#"):
            channel = net.channel(mask)
            return [(member, channel) for member in channel.members]
        return [(found, None) for found in (net.users() if mask in ("*", "0") else [net.user(mask)])]
    except RefusedError:
        return []


def _facts(net: Network, who: Client, member: Client, channel: Channel | None) -> dict[str, str]:
    """What may be asked of a user in WHO, by its letter in WHOX."""
    marks = channel.marks(member, "multi-prefix" in who.caps) if channel else ""
    return {
        "c": channel.name if channel else "*",
        "u": f"~{member.user}",
        "i": member.host,
        "h": member.host,
        "s": net.name,
        "n": member.nick,
        "f": ("G" if member.away else "H") + marks,
        "d": "0",
        "l": _idle(member),
        "a": member.account or "0",
        "o": "n/a",
        "r": member.realname,
    }


def _whox(facts: dict[str, str], fields: str, token: str) -> Iterable[str]:
    # The order is WHOX's own, whatever order the letters were asked in.
    known = {"t": token or "0", **facts}
    return [value for letter, value in known.items() if letter in fields] or [""]


def _idle(member: Client) -> str:
    return str(int(time.time() - member.spoke))


def whois(net: Network, who: Client, message: Message) -> None:
    # With two parameters the first names the server to ask, of which there is only this one.
    asked = message.params[-1]
    net.each(who, asked, lambda name: _describe(net, who, net.user(name)))
    net.reply(who, "318", asked, "End of /WHOIS list")


def _describe(net: Network, who: Client, member: Client) -> None:
    def tell(code: str, *params: str) -> None:
        net.reply(who, code, member.nick, *params)

    tell("311", f"~{member.user}", member.host, "*", member.realname)
    every = "multi-prefix" in who.caps
    places = [channel.marks(member, every) + channel.name for channel in member.channels.values()]
    for line in packed(places, LIST_WIDTH):
        tell("319", line)
    tell("312", net.name, "The demo's server")
    if member.account is not None:
        tell("330", member.account, "is logged in as")
    if member.away:
        tell("301", member.away)
    tell("317", _idle(member), str(int(member.since)), "seconds idle, signon time")


def whowas(net: Network, who: Client, message: Message) -> None:
    net.reply(who, "406", message.params[0], "There was no such nickname")
    net.reply(who, "369", message.params[0], "End of WHOWAS")


def ison(net: Network, who: Client, message: Message) -> None:
    _list_known(net, who, "303", message, lambda member: member.nick)


def userhost(net: Network, who: Client, message: Message) -> None:
    def shown(member: Client) -> str:
        return f"{member.nick}={'-' if member.away else '+'}~{member.user}@{member.host}"

    _list_known(net, who, "302", message, shown)


def _list_known(net: Network, who: Client, code: str, message: Message, shown: _Shown) -> None:
    asked = [name for param in message.params for name in param.split(" ") if name]
    found = [member for name in asked for member, _ in _matching(net, name) if not name.startswith("#")]
    net.reply(who, code, " ".join(shown(member) for member in found))
