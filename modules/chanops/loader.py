"""Finds plugins: ours, installed ones, and those in a folder; refuses what is broken, and says how to mend it."""

import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import chanops.plugins
from chanops.core.book import Book, Command, Listener, Plugin, Timed
from chanops.core.errors import Problem
from chanops.core.plugin import CommandMark, HearsMark, OnMark, ScheduleMark, SettingsMark, marks_of
from chanops.core.signature import Signature, signature_of

GROUP = "chanops.plugins"
OWN = "chanops_plugins"  # the package name under which files from folders are known
MEND = "mend it, or leave it out with `skip = {name}` under [bot]"
Adapter = Callable[[ModuleType, str, str], Plugin | None]


def load(folders: tuple[Path, ...], skip: tuple[str, ...], adapt: Adapter, shims: Mapping[str, ModuleType]) -> Book:
    """All plugins, freshly imported. Raises Problem at the first that cannot be used; then nothing has changed."""
    with all_or_nothing():
        found = [*bundled(skip), *installed(skip)]
        for folder in folders:
            found += in_folder(folder, skip, adapt, shims)
        return Book.of(found)


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Forget the plugins' modules, so that they are imported anew; where that fails, the old ones come back."""
    names = [GROUP, OWN, *{each.module for each in entry_points()}]
    before = {
        name: module
        for name, module in sys.modules.items()
        if name != GROUP and any(name == each or name.startswith(f"{each}.") for each in names)
    }
    for name in before:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        sys.modules.update(before)
        raise


def entry_points() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.entry_points(group=GROUP), key=lambda each: each.name)


def bundled(skip: tuple[str, ...]) -> Iterator[Plugin]:
    """The plugins that come with chanops; they have no privileges."""
    for each in pkgutil.iter_modules(chanops.plugins.__path__):
        if each.name not in skip:
            module = attempt(each.name, "bundled", lambda name=each.name: importlib.import_module(f"{GROUP}.{name}"))  # type: ignore[misc]
            yield collected(module, each.name, "bundled")


def installed(skip: tuple[str, ...]) -> Iterator[Plugin]:
    """The plugins of installed packages, by entry point."""
    for each in entry_points():
        if each.name not in skip:
            origin = f"package {each.dist.name}" if each.dist else f"module {each.module}"
            module = attempt(each.name, origin, lambda name=each.module: importlib.import_module(name))  # type: ignore[misc]
            yield collected(module, each.name, origin)


def in_folder(folder: Path, skip: tuple[str, ...], adapt: Adapter, shims: Mapping[str, ModuleType]) -> Iterator[Plugin]:
    """The plugins in a folder: each file that ends in .py, but those that begin with _ or are tests."""
    if not folder.is_dir():
        raise Problem(f"[bot] plugins: there is no folder {folder}")
    refuse_writable(folder)
    for path in sorted(folder.glob("*.py")):
        name = path.stem
        if name.startswith(("_", "test_")) or name in ("conftest", *skip):
            continue
        refuse_writable(path)
        module = attempt(name, str(path), lambda name=name, path=path: imported(name, path, shims))  # type: ignore[misc]
        yield attempt(
            name,
            str(path),
            lambda: adapt(module, name, str(path)) or collected(module, name, str(path)),  # noqa: B023
        )


def refuse_writable(path: Path) -> None:
    """A plugin is code that runs with our rights: nobody else may be able to change it."""
    for each in (path, path.resolve()):
        info = each.stat()
        if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Problem(f"{path}: others can write to it, and could so make the bot do anything: chmod go-w {path}")
        if info.st_uid not in (0, os.geteuid()):
            raise Problem(f"{path}: it belongs to another user: chown it to the bot's user or to root")


def imported(name: str, path: Path, shims: Mapping[str, ModuleType]) -> ModuleType:
    """A file as a module. While it is read, names that nobody else has can come from the shims."""
    full = f"{OWN}.{name}"
    spec = importlib.util.spec_from_file_location(full, path)
    if spec is None or spec.loader is None:
        raise Problem(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    missing = {each: shim for each, shim in shims.items() if importlib.util.find_spec(each) is None}
    sys.modules.update(missing)
    try:
        spec.loader.exec_module(module)
    finally:
        for each in missing:
            sys.modules.pop(each, None)
    return module


def attempt(name: str, origin: str, work: Callable[[], Any]) -> Any:
    """Do something with a plugin; whatever goes wrong names it, the place and the mend."""
    try:
        return work()
    except Problem as problem:
        raise Problem(f"plugin {name} ({origin}): {problem}") from problem
    except Exception as error:
        raise Problem(
            f"plugin {name} ({origin}{place(error, origin)}): {type(error).__name__}: {error}; {MEND.format(name=name)}"
        ) from error


def place(error: BaseException, origin: str) -> str:
    """The line of the plugin's own file in which it went wrong."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    trace, found = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == origin:
            found = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def collected(module: ModuleType, name: str, origin: str) -> Plugin:
    """A plugin from the marks in its module."""
    commands: list[Command] = []
    listeners: list[Listener] = []
    timed: list[Timed] = []
    sections: dict[str, type] = {}
    for thing, mark in marks_of(module):
        if isinstance(mark, SettingsMark):
            sections[mark.section] = thing
            continue
        signature = attempt(name, origin, lambda thing=thing: signature_of(thing))  # type: ignore[misc]
        match mark:
            case CommandMark():
                doc = thing.__doc__ or ""
                commands.append(Command(name, mark.names, thing, signature, doc, mark.role, mark.confirm))
            case HearsMark():
                listeners.append(Listener(name, thing, signature, pattern=mark.pattern, replayed=mark.replayed))
            case OnMark():
                only_needs(name, origin, thing, signature)
                listeners.append(Listener(name, thing, signature, events=(mark.event,)))
            case ScheduleMark():
                only_needs(name, origin, thing, signature)
                timed.append(Timed(name, thing, signature, mark.schedule, mark.to))
    return Plugin(name, origin, module.__doc__ or "", tuple(commands), tuple(listeners), tuple(timed), sections)


def only_needs(name: str, origin: str, function: Any, signature: Signature) -> None:
    """What runs by itself is typed by nobody."""
    required = [each.name for each in signature.typed if each.required]
    if required:
        raise Problem(
            f"plugin {name} ({origin}): {function.__name__} runs by itself, so nobody types {', '.join(required)}: "
            "put a * before it, or give it a default"
        )
