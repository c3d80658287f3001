"""Capabilities and accounts: CAP, SASL PLAIN, and the service NickServ."""

import base64
import binascii
from collections.abc import Callable

from chanops.simulator.irc_lines import Line, Message, fold, upper
from chanops.simulator.irc_network import SERVICE, Account, Client, Network, peers, send_all

CAPS = {
    "account-notify": "",
    "account-tag": "",
    # Nothing is ever played back here, so no batch is ever sent; a client may want to know that it would be.
    "batch": "",
    "cap-notify": "",
    "echo-message": "",
    "extended-join": "",
    "message-tags": "",
    "multi-prefix": "",
    "sasl": "PLAIN",
    "server-time": "",
}
CHUNK = 400
LONGEST_SECRET = 8 * CHUNK
MOST_ACCOUNTS = 1000


def cap(net: Network, who: Client, message: Message) -> None:
    verb = _CAP_VERBS.get(upper(message.params[0]))
    if verb is None:
        net.reply(who, "410", message.params[0], "Invalid CAP command")
    else:
        verb(net, who, message.params[1] if len(message.params) > 1 else "")


def _cap_answer(net: Network, who: Client, verb: str, names: str) -> None:
    net.tell(who, f"CAP {who.nick or '*'} {verb} :{names}")


def _cap_ls(net: Network, who: Client, version: str) -> None:
    who.negotiating = not who.registered
    modern = version.isascii() and version.isdigit() and int(version) >= 302
    if modern:
        who.caps.add("cap-notify")
    names = (f"{name}={value}" if modern and value else name for name, value in CAPS.items())
    _cap_answer(net, who, "LS", " ".join(names))


def _cap_list(net: Network, who: Client, _: str) -> None:
    _cap_answer(net, who, "LIST", " ".join(sorted(who.caps)))


def _cap_req(net: Network, who: Client, wanted: str) -> None:
    who.negotiating = not who.registered
    names = [name for name in wanted.split(" ") if name]
    if not all(name.removeprefix("-") in CAPS for name in names):
        _cap_answer(net, who, "NAK", wanted)
        return
    for name in names:
        if name.startswith("-"):
            who.caps.discard(name[1:])
        else:
            who.caps.add(name)
    _cap_answer(net, who, "ACK", wanted)


def _cap_end(net: Network, who: Client, _: str) -> None:
    who.negotiating = False
    if who.sasl is not None:
        _sasl_over(net, who, "906", "SASL authentication aborted")


_CAP_VERBS: dict[str, Callable[[Network, Client, str], None]] = {
    "LS": _cap_ls,
    "LIST": _cap_list,
    "REQ": _cap_req,
    "END": _cap_end,
}


def log_in(net: Network, who: Client, account: Account) -> None:
    who.account = account.name
    net.reply(who, "900", who.prefix, account.name, f"You are now logged in as {account.name}")
    _notify(who, account.name)


def log_out(net: Network, who: Client) -> None:
    who.account = None
    net.reply(who, "901", who.prefix, "You are now logged out")
    _notify(who, "*")


def _notify(who: Client, account: str) -> None:
    send_all(who.does(f"ACCOUNT {account}"), (peer for peer in peers(who) if "account-notify" in peer.caps))


def account_of(net: Network, name: str, password: str) -> Account | None:
    """The account of that name, when the password is its own."""
    account = net.accounts.get(fold(name))
    return account if account is not None and account.password == password else None


def log_in_by_pass(net: Network, who: Client) -> None:
    """Log in with PASS account:password, as bouncers and old clients do."""
    name, colon, password = who.password.partition(":")
    account = account_of(net, name, password) if colon and who.account is None else None
    if account is not None:
        log_in(net, who, account)
    who.password = ""


def authenticate(net: Network, who: Client, message: Message) -> None:
    word = message.params[0]
    if "sasl" not in who.caps:
        _sasl_over(net, who, "904", "SASL authentication failed: the sasl capability is not on")
    elif who.account is not None:
        _sasl_over(net, who, "907", "You have already authenticated using SASL")
    elif word == "*":
        _sasl_over(net, who, "906", "SASL authentication aborted")
    elif who.sasl is None:
        _sasl_open(net, who, word)
    else:
        _sasl_chunk(net, who, who.sasl, word)


def _sasl_over(net: Network, who: Client, code: str, text: str) -> None:
    who.sasl = None
    net.reply(who, code, text)


def _sasl_open(net: Network, who: Client, mechanism: str) -> None:
    if upper(mechanism) != "PLAIN":
        net.reply(who, "908", "PLAIN", "are available SASL mechanisms")
        _sasl_over(net, who, "904", "SASL authentication failed")
    else:
        who.sasl = ""
        who.send(Line("", "AUTHENTICATE +"))


def _sasl_chunk(net: Network, who: Client, so_far: str, chunk: str) -> None:
    if len(chunk) > CHUNK or len(so_far) + len(chunk) > LONGEST_SECRET:
        _sasl_over(net, who, "905", "SASL message too long")
        return
    who.sasl = so_far + ("" if chunk == "+" else chunk)
    # A full chunk says that another follows, be it an empty one.
    if len(chunk) < CHUNK:
        _sasl_plain(net, who, who.sasl)


def _sasl_plain(net: Network, who: Client, secret: str) -> None:
    acting, name, password = _credentials(secret)
    account = account_of(net, name, password)
    if account is None or fold(acting or name) != fold(name):
        _sasl_over(net, who, "904", "SASL authentication failed")
    else:
        log_in(net, who, account)
        _sasl_over(net, who, "903", "SASL authentication successful")


def _credentials(secret: str) -> tuple[str, str, str]:
    """Whom to act as, whose password it is, and the password; empty when it is none of PLAIN."""
    try:
        parts = base64.b64decode(secret.encode("latin-1"), validate=True).decode("latin-1").split("\0")
    except binascii.Error:
        return "", "", ""
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")


def nickserv(net: Network, who: Client, text: str) -> None:
    """What a client says to NickServ, and its answer."""
    words = [word for word in text.split(" ") if word] or ["HELP"]
    order = _SERVICE_ORDERS.get(upper(words[0]), _help)
    answer = order(net, who, words[1:])
    who.send(Line(f"{SERVICE}!{SERVICE}@services.{net.name}", f"NOTICE {who.nick} :{answer}"))


def _identify(net: Network, who: Client, words: list[str]) -> str:
    if not words:
        return "Say IDENTIFY [account] password."
    account = account_of(net, words[0] if len(words) > 1 else who.nick, words[-1])
    if account is None:
        return "Invalid account or password."
    log_in(net, who, account)
    return f"You are now identified for {account.name}."


def _logout(net: Network, who: Client, words: list[str]) -> str:
    if who.account is None:
        return "You are not logged in."
    log_out(net, who)
    return "You have been logged out."


def _register(net: Network, who: Client, words: list[str]) -> str:
    if not words:
        return "Say REGISTER password [email]."
    if who.account is not None:
        return f"You are already logged in as {who.account}."
    if fold(who.nick) in net.accounts:
        return f"{who.nick} is already registered."
    if len(net.accounts) >= MOST_ACCOUNTS:
        return "No more accounts can be registered here."
    log_in(net, who, net.add_account(who.nick, words[0]))
    return f"{who.nick} is now registered, and you are logged in."


def _help(net: Network, who: Client, words: list[str]) -> str:
    return "I understand IDENTIFY [account] password, LOGOUT, REGISTER password [email]."


_SERVICE_ORDERS: dict[str, Callable[[Network, Client, list[str]], str]] = {
    "HELP": _help,
    "IDENTIFY": _identify,
    "LOGOUT": _logout,
    "REGISTER": _register,
}
