"""What the bot can do, and who you are to it."""

from collections.abc import Iterator

from chanops import Message, Problem, command
from chanops.services import Book, Roles, Settings


@command("help", "commands")
def explain(name: str = "", *, said: Message, book: Book, roles: Roles, settings: Settings) -> Iterator[str]:
    """What commands there are, or how one is used."""
    prefix = settings.bot.prefix
    if not name:
        held = roles.held_by(said)
        names = sorted(each.name for each in book.by_name.values() if not each.role or each.role in held)
        # No answer begins with the prefix: it would be a command to another bot.
        yield (
            "commands: "
            + " ".join(f"{prefix}{each}" for each in dict.fromkeys(names))
            + f" · {prefix}help NAME explains one"
        )
        return
    wanted = name.removeprefix(prefix).lower()
    found = book.by_name.get(wanted)
    if found is None:
        nearest = book.near(wanted)
        raise Problem(f"no {prefix}{wanted}" + (f"; did you mean {prefix}{nearest}?" if nearest else ""))
    role = f" [{found.role}]" if found.role else ""
    yield f"usage: {found.usage(prefix)}{role} · {found.summary or 'nobody has written what it does'}"
    if found.example:
        yield f"for example: {found.example}"
    if len(found.names) > 1:
        yield "also called " + ", ".join(f"{prefix}{each}" for each in found.names[1:])


@command("whoami")
def whoami(*, said: Message, roles: Roles) -> str:
    """Which services account your line shows, and which roles that gives you."""
    if not said.account:
        return f"{said.nick}: no services account shows on your line, so you have no role: log in to services first"
    held = ", ".join(sorted(roles.held_by(said))) or "none"
    return f"{said.nick}: account {said.account} on {said.network}; roles: {held}"


@command("plugins")
def plugins(*, book: Book) -> Iterator[str]:
    """Which plugins are loaded, from where, and what each brings."""
    for plugin in book.plugins:
        names = " ".join(each.name for each in plugin.commands)
        others = len(plugin.listeners) + len(plugin.timed)
        counted = f"{others} that run{'s' if others == 1 else ''} by itself" if others else ""
        yield f"{plugin.name} ({plugin.origin}): " + (", ".join(filter(None, (names, counted))) or "nothing")
