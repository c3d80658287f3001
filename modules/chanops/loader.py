"""Finds plugins: ours, installed ones, and those in a folder; refuses what is broken, and says how to mend it."""

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import os
import pkgutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

import chanops.plugins
from chanops.core.book import Book, Command, Listener, Plugin, Timed
from chanops.core.errors import Problem
from chanops.core.plugin import NAME, CommandMark, HearsMark, Mark, OnMark, ScheduleMark, SettingsMark, marks_of
from chanops.core.sections import SINGLE
from chanops.core.settings import checked
from chanops.core.signature import Signature, signature_of
from chanops.core.text import shorten

T = TypeVar("T")
GROUP = "chanops.plugins"
OWN = "chanops_plugins"  # the package name under which files from folders are known
MEND = "mend it, or leave it out with `skip = {name}` under [bot]"
MOST_TOLD = 300
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
    before = modules_of(names)
    for name in before:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        for name in modules_of(names):
            del sys.modules[name]
        for name, module in before.items():
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                setattr(sys.modules[parent], child, module)
        raise


def modules_of(names: list[str]) -> dict[str, ModuleType]:
    """What is imported of these modules and packages, but for the package that ours are in."""
    return {
        name: module
        for name, module in sys.modules.items()
        if name != GROUP and any(name == each or name.startswith(f"{each}.") for each in names)
    }


def entry_points() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.entry_points(group=GROUP), key=lambda each: each.name)


@dataclass(frozen=True)
class Source:
    """A plugin that is to be read: its name, where people look for it, and its module's full name."""

    name: str
    origin: str
    module: str

    def attempt(self, work: Callable[[], T], thing: object = None) -> T:
        """Do something with the plugin, or with a thing in it; what goes wrong names plugin, file, line and mend."""
        try:
            return work()
        except Problem as problem:
            raise Problem(f"{self.shown(problem, thing)}: {problem}") from problem
        except SystemExit as error:
            raise Problem(f"{self.shown(error, thing)}: it ends the program; {MEND.format(name=self.name)}") from error
        except Exception as error:
            told = shorten(" ".join(f"{type(error).__name__}: {error}".split()), MOST_TOLD)
            raise Problem(f"{self.shown(error, thing)}: {told}; {MEND.format(name=self.name)}") from error

    def shown(self, error: BaseException, thing: object) -> str:
        file, line = place(error, self.module) or place_of(thing) or ("", 0)
        shown = [self.origin, file if file != self.origin else "", f"line {line}" if line else ""]
        return f"plugin {self.name} ({', '.join(filter(None, shown))})"

    def imported(self) -> Plugin:
        """The plugin in a module that Python itself finds."""
        return collected(self, self.attempt(partial(importlib.import_module, self.module)))


def place(error: BaseException, module: str) -> tuple[str, int] | None:
    """The file and line of a module in which it went wrong."""
    trace, found = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == module:
            found = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    if found is None and isinstance(error, SyntaxError):
        return error.filename or "", error.lineno or 0
    return found


def place_of(thing: Any) -> tuple[str, int] | None:
    """The file and line where a function begins."""
    code = getattr(inspect.unwrap(thing), "__code__", None) if callable(thing) else None
    return (code.co_filename, code.co_firstlineno) if code is not None else None


def bundled(skip: tuple[str, ...]) -> Iterator[Plugin]:
    """The plugins that come with chanops; they have no privileges."""
    for each in pkgutil.iter_modules(chanops.plugins.__path__):
        if each.name not in skip:
            yield Source(each.name, "bundled", f"{GROUP}.{each.name}").imported()


def installed(skip: tuple[str, ...]) -> Iterator[Plugin]:
    """The plugins of installed packages, by entry point."""
    for each in entry_points():
        if each.name not in skip:
            origin = f"package {each.dist.name}" if each.dist else f"module {each.module}"
            yield Source(each.name, origin, each.module).imported()


def in_folder(folder: Path, skip: tuple[str, ...], adapt: Adapter, shims: Mapping[str, ModuleType]) -> Iterator[Plugin]:
    """The plugins in a folder: each file that ends in .py, but those that are hidden, begin with _ or are tests."""
    if not folder.is_dir():
        raise Problem(f"[bot] plugins: there is no folder {folder}")
    refuse_writable(folder)
    for path in sorted(folder.glob("*.py")):
        name, origin = path.stem, str(path)
        if name.startswith((".", "_", "test_")) or name in ("conftest", *skip):
            continue
        refuse_writable(path)
        source = Source(name, origin, f"{OWN}.{name}")
        module = source.attempt(partial(from_file, source, shims))
        yield source.attempt(partial(adapt, module, name, origin)) or collected(source, module)


def refuse_writable(path: Path) -> None:
    """A plugin is code that runs with our rights: nobody else may be able to change it, or put another in its place."""
    behind = path.resolve()
    for each in (path, *([behind.parent] if path.is_symlink() else [])):
        try:
            info = each.stat()
        except OSError as error:
            raise Problem(f"{path}: {error.strerror}") from None
        if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Problem(f"{each}: others can write to it, and could so make the bot do anything: chmod go-w {each}")
        if info.st_uid not in (0, os.geteuid()):
            raise Problem(f"{each}: it belongs to another user: chown it to the bot's user or to root")


class FromText(importlib.machinery.SourceFileLoader):
    """Reads the file itself, always: a .pyc beside it may be from before an edit in the same second, or anybody's."""

    def get_code(self, fullname: str) -> CodeType:
        """The file, compiled."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def from_file(source: Source, shims: Mapping[str, ModuleType]) -> ModuleType:
    """A file as a module. While it is read, names that nobody else has can come from the shims."""
    loader = FromText(source.module, source.origin)
    spec = importlib.machinery.ModuleSpec(source.module, loader, origin=source.origin)
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.module] = module
    sys.modules.setdefault(OWN, ModuleType(OWN))  # pickle imports a class's module by its full name
    missing = {name: shim for name, shim in shims.items() if nobody_has(name)}
    sys.modules.update(missing)
    try:
        loader.exec_module(module)
    finally:
        for name in missing:
            sys.modules.pop(name, None)
    return module


def nobody_has(name: str) -> bool:
    """Whether no module is called that; a mere folder somewhere on the path, without __init__.py, is none."""
    if name in sys.modules:
        return False
    spec = importlib.util.find_spec(name)
    return spec is None or spec.origin is None


@dataclass
class Parts:
    """What was found in a module so far."""

    plugin: str
    commands: list[Command] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    timed: list[Timed] = field(default_factory=list)
    sections: dict[str, type] = field(default_factory=dict)

    def take(self, thing: Any, mark: Mark) -> None:
        """Take in a function or class by one of its marks; raises Problem where the two do not go together."""
        if isinstance(mark, SettingsMark):
            self.take_section(mark.section, thing)
            return
        if inspect.iscoroutinefunction(thing) or inspect.isasyncgenfunction(thing):
            raise Problem(f"{thing.__name__} is async: write a plain def; it runs in a thread and may block")
        signature = signature_of(thing)
        match mark:
            case CommandMark():
                check_role(thing, mark.role)
                doc = thing.__doc__ or ""
                self.commands.append(Command(self.plugin, mark.names, thing, signature, doc, mark.role, mark.confirm))
            case HearsMark():
                check_groups(thing, signature, max(1, mark.pattern.groups))
                self.listeners.append(
                    Listener(self.plugin, thing, signature, pattern=mark.pattern, replayed=mark.replayed)
                )
            case OnMark():
                only_needs(thing, signature)
                self.listeners.append(Listener(self.plugin, thing, signature, events=(mark.event,)))
            case ScheduleMark():
                only_needs(thing, signature)
                self.timed.append(Timed(self.plugin, thing, signature, mark.schedule, mark.to))

    def take_section(self, name: str, cls: type) -> None:
        """Take in a class of settings."""
        if name in (*SINGLE, "roles"):
            raise Problem(f"{cls.__name__}: [{name}] is the bot's own section: call yours something else")
        if name in self.sections:
            raise Problem(f"{cls.__name__}: [{name}] is {self.sections[name].__name__} already: rename one")
        with suppress(Problem):  # a key may have to be given; but each must have a type that can be checked
            checked(cls, name, {}, lambda *_: "")
        self.sections[name] = cls


def collected(source: Source, module: ModuleType) -> Plugin:
    """A plugin from the marks in its module."""
    parts = Parts(source.name)
    for thing, mark in marks_of(module):
        source.attempt(partial(parts.take, thing, mark), thing)
    functions = (tuple(parts.commands), tuple(parts.listeners), tuple(parts.timed))
    return Plugin(source.name, source.origin, module.__doc__ or "", *functions, parts.sections)


def check_role(function: Any, role: str) -> None:
    """A role is a key under [roles], and the configuration has those in lower case."""
    if role and not NAME.match(role):
        raise Problem(
            f"{function.__name__}: role={role!r}: a role is lower-case letters, digits, - and _, a letter first"
        )


def check_groups(function: Any, signature: Signature, groups: int) -> None:
    """What a function must be given, its pattern must find."""
    required = [each.name for each in signature.typed if each.required]
    if len(required) > groups:
        raise Problem(
            f"{function.__name__}: the pattern finds no {', '.join(required[groups:])}: give it a group (…) for each, "
            "or give the parameters defaults"
        )


def only_needs(function: Any, signature: Signature) -> None:
    """What runs by itself is typed by nobody."""
    required = [each.name for each in signature.typed if each.required]
    if required:
        raise Problem(
            f"{function.__name__} runs by itself, so nobody types {', '.join(required)}: "
            "put a * before it, or give it a default"
        )
