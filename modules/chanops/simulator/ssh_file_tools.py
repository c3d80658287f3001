"""The pretended machines' tools for files and folders."""

import errno
import hashlib
import posixpath
import re
import secrets
import stat
import time

from chanops.simulator.ssh_files import File, Folder, Link, Node, trouble
from chanops.simulator.ssh_process import reason
from chanops.simulator.ssh_tools import Call, Misused, table

_BLOCK = 65536
_LETTERS = {"r": 4, "w": 2, "x": 1}


def cat(call: Call) -> int:
    _, words = call.options("nu")
    if not words:
        while data := call.streams.input.read(_BLOCK):
            call.write(data)
        return 0
    return call.each(words, lambda word: call.write(call.content(word)))


def tee(call: Call) -> int:
    options, words = call.options("a")
    data = call.streams.input.read()
    call.write(data)

    def keep(word: str) -> None:
        file = call.disk.file(call.path(word), create=True)
        if "a" not in options:
            call.disk.truncate(file, 0)
        call.disk.put(file, len(file.data), data)

    return call.each(words, keep)


def list_(call: Call) -> int:
    options, words = call.options("1aAldhtrF")
    status = 0
    files: list[tuple[str, Node]] = []
    folders: list[str] = []
    for word in words or ["."]:
        try:
            node = call.disk.find(call.path(word), follow="l" not in options)
        except OSError as error:
            status = call.complain(f"cannot access '{word}': {reason(error)}", 2)
            continue
        if isinstance(node, Folder) and "d" not in options:
            folders.append(word)
        else:
            files.append((word, node))
    _list(call, options, files)
    for word in folders:
        if len(words) > 1:
            call.say(f"{word}:")
        path = call.path(word)
        shown = [each for each in call.disk.names(path) if {"a", "A"} & options.keys() or not each.startswith(".")]
        if "l" in options:
            call.say(f"total {4 * len(shown)}")
        _list(call, options, [(name, call.disk.find(posixpath.join(path, name), follow=False)) for name in shown])
    return status


def _list(call: Call, options: dict[str, str], nodes: list[tuple[str, Node]]) -> None:
    if "t" in options:
        nodes = sorted(nodes, key=lambda each: -each[1].changed)
    for name, node in reversed(nodes) if "r" in options else nodes:
        if "l" not in options:
            call.say(name)
            continue
        when = time.strftime("%b %e %H:%M", time.gmtime(node.changed))
        arrow = f" -> {node.target}" if isinstance(node, Link) else ""
        call.say(f"{stat.filemode(mode(node))} 1 root root {size(node):>8} {when} {name}{arrow}")


def mode(node: Node) -> int:
    """The kind and the rights, as a real stat has them."""
    kinds = {File: stat.S_IFREG, Folder: stat.S_IFDIR, Link: stat.S_IFLNK}
    return kinds[type(node)] | node.mode


def size(node: Node) -> int:
    if isinstance(node, File):
        return len(node.data)
    return len(node.target) if isinstance(node, Link) else 4096


def make_folders(call: Call) -> int:
    options, words = call.options("pm:v")
    rights = _octal(options["m"]) if "m" in options else 0o755
    status = 0
    for word in words:
        try:
            call.disk.make_folder(call.path(word), "p" in options, rights)
        except OSError as error:
            status = call.complain(f"cannot create directory '{word}': {reason(error)}")
    return status


def remove(call: Call) -> int:
    options, words = call.options("rRfdv")
    status = 0
    for word in words:
        path = call.path(word)
        try:
            if path == "/":
                raise trouble(errno.EPERM)
            call.disk.remove(path, tree=bool({"r", "R"} & options.keys()))
        except FileNotFoundError as error:
            if "f" not in options:
                status = call.complain(f"cannot remove '{word}': {reason(error)}")
        except OSError as error:
            status = call.complain(f"cannot remove '{word}': {reason(error)}")
    return status


def remove_folders(call: Call) -> int:
    _, words = call.options("p")
    return call.each(words, lambda word: call.disk.remove_folder(call.path(word)))


def move(call: Call) -> int:
    _, words = call.options("fv")
    return call.each(words[:-1], lambda word: call.disk.rename(call.path(word), _target(call, word, words)))


def copy(call: Call) -> int:
    options, words = call.options("rRapfv")

    def act(word: str) -> None:
        _copy(call, call.path(word), _target(call, word, words), bool({"r", "R", "a"} & options.keys()))

    return call.each(words[:-1], act)


def _copy(call: Call, old: str, new: str, deep: bool) -> None:
    node = call.disk.find(old)
    if isinstance(node, Folder):
        if not deep:
            raise trouble(errno.EISDIR)
        if f"{new}/".startswith(f"{old}/"):
            raise trouble(errno.EINVAL)
        call.disk.make_folder(new, parents=True)
        for name in call.disk.names(old):
            _copy(call, posixpath.join(old, name), posixpath.join(new, name), deep)
    elif isinstance(node, File):
        made = call.disk.file(new, create=True, mode=node.mode)
        data = bytes(node.data)
        call.disk.truncate(made, 0)
        call.disk.put(made, 0, data)


def _target(call: Call, word: str, words: list[str]) -> str:
    """Where a file goes: the last word, or into the folder that it is."""
    if len(words) < 2:
        raise Misused("missing file operand")
    target = call.path(words[-1])
    if call.disk.has(target) and isinstance(call.disk.find(target), Folder):
        return posixpath.join(target, posixpath.basename(call.path(word)))
    if len(words) > 2:
        raise trouble(errno.ENOTDIR)
    return target


def link(call: Call) -> int:
    options, words = call.options("sfn")
    if "s" not in options or len(words) != 2:
        raise Misused("ln -s TARGET NAME is all that there is")
    path = call.path(words[1])
    if "f" in options and call.disk.has(path):
        call.disk.remove(path)
    call.disk.link(words[0], path)
    return 0


def touch(call: Call) -> int:
    def act(word: str) -> None:
        path = call.path(word)
        node = call.disk.find(path) if call.disk.has(path) else call.disk.file(path, create=True)
        node.changed = time.time()

    return call.each(call.options("acm")[1], act)


def change_mode(call: Call) -> int:
    wanted, *words = call.words or [""]
    if wanted == "-R":
        wanted, *words = words or [""]
    if not words:
        raise Misused("missing operand")

    def act(word: str) -> None:
        node = call.disk.find(call.path(word))
        node.mode = _rights(wanted, node.mode)

    return call.each(words, act)


def _rights(wanted: str, before: int) -> int:
    if wanted.isdigit():
        return _octal(wanted)
    for each in wanted.split(","):
        matched = re.fullmatch(r"([ugoa]*)([-+=])([rwxX]*)", each)
        if matched is None:
            raise Misused(f"invalid mode: '{wanted}'")
        who = "ugo" if not matched[1] or "a" in matched[1] else matched[1]
        bits = sum(_LETTERS[letter.lower()] for letter in set(matched[3]))
        mask = sum(bits << shift for letter, shift in (("u", 6), ("g", 3), ("o", 0)) if letter in who)
        cleared = sum(7 << shift for letter, shift in (("u", 6), ("g", 3), ("o", 0)) if letter in who)
        before = {"+": before | mask, "-": before & ~mask, "=": (before & ~cleared) | mask}[matched[2]]
    return before


def _octal(text: str) -> int:
    if not re.fullmatch(r"[0-7]{1,4}", text):
        raise Misused(f"invalid mode: '{text}'")
    return int(text, 8)


def change_owner(call: Call) -> int:
    """Everything stays root's; only what is not there is told."""

    def act(word: str) -> None:
        call.disk.find(call.path(word))

    return call.each(call.options("Rfh")[1][1:], act)


def sum_(call: Call) -> int:
    kind = call.name.removesuffix("sum")

    def act(word: str) -> None:
        call.say(f"{hashlib.new(kind, call.content(word), usedforsecurity=False).hexdigest()}  {word}")

    return call.each(call.options("b")[1] or ["-"], act)


def temporary(call: Call) -> int:
    options, _ = call.options("dqtp:")
    path = f"/tmp/tmp.{secrets.token_hex(5)}"  # noqa: S108  the pretended machine's
    if "d" in options:
        call.disk.make_folder(path, mode=0o700)
    else:
        call.disk.file(path, create=True, mode=0o600)
    call.say(path)
    return 0


def name(call: Call) -> int:
    """basename and dirname."""
    if not call.words:
        raise Misused("missing operand")
    path = call.words[0].rstrip("/") or "/"
    if call.name == "dirname":
        call.say(posixpath.dirname(path) or ".")
    else:
        call.say((posixpath.basename(path) or "/").removesuffix(call.words[1] if len(call.words) > 1 else ""))
    return 0


def read_link(call: Call) -> int:
    _, words = call.options("fen")
    for word in words:
        node = call.disk.find(call.path(word), follow=False)
        if not isinstance(node, Link):
            return 1
        call.say(node.target)
    return 0


FILES = table(
    {
        "cat": cat,
        "tee": tee,
        "ls": list_,
        "mkdir": make_folders,
        "rm": remove,
        "rmdir": remove_folders,
        "mv": move,
        "cp": copy,
        "ln": link,
        "touch": touch,
        "chmod": change_mode,
        "chown chgrp": change_owner,
        "sha256sum sha1sum md5sum": sum_,
        "mktemp": temporary,
        "basename dirname": name,
        "readlink": read_link,
    }
)
