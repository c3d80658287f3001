"""The pretended machines' disks: a small file system in memory, and never the real one."""

import errno
import os
import posixpath
import threading
import time
from dataclasses import dataclass, field
from typing import Union

MOST = 64 << 20
_EACH = 512  # what a name costs, so that empty files fill a disk as well
_MOST_LINKS = 20
_MOST_NAME, _MOST_PATH = 255, 4096


@dataclass
class File:
    data: bytearray = field(default_factory=bytearray)
    mode: int = 0o644
    changed: float = field(default_factory=time.time)


@dataclass
class Link:
    target: str
    mode: int = 0o777
    changed: float = field(default_factory=time.time)


@dataclass
class Folder:
    entries: dict[str, "Node"] = field(default_factory=dict)
    mode: int = 0o755
    changed: float = field(default_factory=time.time)


Node = Union[File, Link, Folder]  # noqa: UP007  a folder names it before it is there


def absolute(path: str, folder: str) -> str:
    """The path from the root, without "." and ".."."""
    return "/" + posixpath.normpath(posixpath.join(folder, path)).lstrip("/")


def trouble(number: int) -> OSError:
    """The error of a number such as errno.ENOENT."""
    return OSError(number, os.strerror(number))


class Disk:
    """Files, folders and links by absolute path, for any thread; it says no with OSError, as a real one does."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.used = 0
        self._lock = threading.RLock()
        self._root = Folder()

    def find(self, path: str, follow: bool = True, hops: int = 0) -> Node:
        """What is there; a link at the end of the path is followed, or found itself."""
        with self._lock:
            node: Node = self._root
            names, at = _names(path), "/"
            for place, name in enumerate(names):
                node = _entry(node, name)
                if isinstance(node, Link) and (follow or place < len(names) - 1):
                    if hops == _MOST_LINKS:
                        raise trouble(errno.ELOOP)
                    return self.find(absolute(posixpath.join(node.target, *names[place + 1 :]), at), follow, hops + 1)
                at = posixpath.join(at, name)
            return node

    def has(self, path: str) -> bool:
        try:
            self.find(path)
        except OSError:
            return False
        return True

    def file(self, path: str, create: bool = False, exclusive: bool = False, mode: int = 0o644) -> File:
        """A file to read or to write."""
        with self._lock:
            try:
                found = self.find(path)
            except FileNotFoundError:
                if not create:
                    raise
                found = File(mode=mode)
                self._new(path, found)
                return found
            if exclusive:
                raise trouble(errno.EEXIST)
            if not isinstance(found, File):
                raise trouble(errno.EISDIR)
            return found

    def read(self, path: str) -> bytes:
        with self._lock:
            return bytes(self.file(path).data)

    def write(self, path: str, data: bytes | str, mode: int | None = None) -> None:
        """Have a file with this content, and the folders it is in."""
        with self._lock:
            self.make_folder(posixpath.dirname(path), parents=True)
            file = self.file(path, create=True)
            self.truncate(file, 0)
            self.put(file, 0, data.encode() if isinstance(data, str) else data)
            file.mode = file.mode if mode is None else mode

    def put(self, file: File, at: int, data: bytes) -> None:
        """Write into a file; the gap before `at` is zeros."""
        with self._lock:
            self.truncate(file, max(len(file.data), at + len(data)))
            file.data[at : at + len(data)] = data

    def truncate(self, file: File, size: int) -> None:
        with self._lock:
            growth = size - len(file.data)
            self._spend(growth)
            file.changed = time.time()
            if growth > 0:
                file.data.extend(bytes(growth))
            else:
                del file.data[size:]

    def names(self, path: str) -> list[str]:
        """What is in a folder, sorted."""
        with self._lock:
            found = self.find(path)
            if not isinstance(found, Folder):
                raise trouble(errno.ENOTDIR)
            return sorted(found.entries)

    def make_folder(self, path: str, parents: bool = False, mode: int = 0o755) -> None:
        with self._lock:
            if not parents:
                self._new(path, Folder(mode=mode))
                return
            at = "/"
            for name in _names(path):
                at = posixpath.join(at, name)
                if not self.has(at):
                    self._new(at, Folder(mode=mode))
                elif not isinstance(self.find(at), Folder):
                    raise trouble(errno.ENOTDIR)

    def link(self, target: str, path: str) -> None:
        with self._lock:
            self._new(path, Link(target))

    def remove(self, path: str, tree: bool = False) -> None:
        """Remove a file or a link; a folder with all that is in it when `tree` is set."""
        with self._lock:
            if isinstance(self.find(path, follow=False), Folder) and not tree:
                raise trouble(errno.EISDIR)
            self._drop(path)

    def remove_folder(self, path: str) -> None:
        with self._lock:
            if self.names(path):
                raise trouble(errno.ENOTEMPTY)
            self._drop(path)

    def rename(self, old: str, new: str, over: bool = True) -> None:
        """Move; what is at the new path goes if `over` is set and it is of the same kind."""
        with self._lock:
            moved = self.find(old, follow=False)
            if old == new:
                return
            if f"{new}/".startswith(f"{old}/"):
                raise trouble(errno.EINVAL)
            folder, name = self._place(new)
            if name in folder.entries:
                if not over:
                    raise trouble(errno.EEXIST)
                if isinstance(folder.entries[name], Folder) != isinstance(moved, Folder):
                    raise trouble(errno.ENOTDIR if isinstance(moved, Folder) else errno.EISDIR)
                if isinstance(moved, Folder):
                    self.remove_folder(new)
                else:
                    self.remove(new)
            before, called = self._place(old)
            folder.entries[name] = before.entries.pop(called)

    def copy(self) -> "Disk":
        """As it is now."""
        with self._lock:
            made = Disk(self.most)
            made._root, made.used = _copied(self._root), self.used
            return made

    def _place(self, path: str) -> tuple[Folder, str]:
        """The folder that a path's last name is in, and that name."""
        names = _names(path)
        if not names:
            raise trouble(errno.EBUSY)
        folder = self.find("/" + "/".join(names[:-1]))
        if not isinstance(folder, Folder):
            raise trouble(errno.ENOTDIR)
        return folder, names[-1]

    def _new(self, path: str, node: Node) -> None:
        folder, name = self._place(path)
        if name in folder.entries:
            raise trouble(errno.EEXIST)
        self._spend(_EACH)
        folder.entries[name] = node

    def _drop(self, path: str) -> None:
        folder, name = self._place(path)
        self._spend(-_cost(folder.entries.pop(name)))

    def _spend(self, growth: int) -> None:
        if growth > 0 and self.used + growth > self.most:
            raise trouble(errno.ENOSPC)
        self.used += growth


def _names(path: str) -> list[str]:
    names = [each for each in path.split("/") if each]
    if len(path) > _MOST_PATH or any(len(each) > _MOST_NAME for each in names):
        raise trouble(errno.ENAMETOOLONG)
    return names


def _entry(node: Node, name: str) -> Node:
    if not isinstance(node, Folder):
        raise trouble(errno.ENOTDIR)
    if name not in node.entries:
        raise trouble(errno.ENOENT)
    return node.entries[name]


def _cost(node: Node) -> int:
    if isinstance(node, Folder):
        return _EACH + sum(map(_cost, node.entries.values()))
    return _EACH + (len(node.data) if isinstance(node, File) else 0)


def _copied(folder: Folder) -> Folder:
    made = Folder(mode=folder.mode, changed=folder.changed)
    for name, node in folder.entries.items():
        if isinstance(node, Folder):
            made.entries[name] = _copied(node)
        elif isinstance(node, File):
            made.entries[name] = File(bytearray(node.data), node.mode, node.changed)
        else:
            made.entries[name] = node
    return made
