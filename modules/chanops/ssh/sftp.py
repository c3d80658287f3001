"""SFTP over a channel: many requests under way at once, each answer looked at, and an end when the guard says so."""

import contextlib
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator

from paramiko import SSHException
from paramiko.channel import Channel

from chanops.ssh.base import Halt
from chanops.ssh.sftp_packets import Answer, Attributes, Broken, Code, Garbled, Kind, Refusal, string
from chanops.ssh.watchdog import Guard

# paramiko's own client drops the answers to the last hundred writes, a full disk's among them; its prefetch is a thread
# that dies with a traceback when the channel is closed under it.
PIECE = 32768  # bytes of one read: what every server grants
UNDER_WAY = 64  # requests at once, as sftp(1) has them
LONGEST = 65536  # bytes of an answer; none that we ask for is longer
LOOK = 0.2  # seconds between two looks whether we are still wanted
READ, READ_WRITE_NEW = 0x01, 0x2B  # the latter is READ, WRITE, CREAT, EXCL
UNSAID = Attributes()


class Sftp:
    """The host's side of files. Raises Refusal where the host refuses, Broken where nothing more comes.

    Whatever was interrupted, in the middle of a packet even, can be gone on with: so there is an orderly end to it.
    """

    def __init__(self, channel: Channel, guard: Guard) -> None:
        self.channel, self.guard = channel, guard
        self.until: float | None = None  # instead of the guard's word
        self.unsent, self.came = b"", bytearray()
        self.last = 0
        self.asked: set[int] = set()  # requests without an answer
        self.answers: dict[int, Answer] = {}  # that nobody has fetched yet
        self.extensions: frozenset[bytes] = frozenset()

    def begin(self) -> None:
        """Ask the host for SFTP, and what it knows of it."""
        self.check()
        try:
            self.channel.settimeout(LOOK)
            self.channel.invoke_subsystem("sftp")
        except (SSHException, EOFError, OSError):
            raise Broken from None
        self.send(struct.pack(">BI", Kind.INIT, 3))
        hello = self.receive()
        if hello.kind != Kind.VERSION or hello.number() < 3:
            raise Garbled
        found = []
        while not hello.over:
            found.append(hello.string())
            hello.string()
        self.extensions = frozenset(found)

    @contextlib.contextmanager
    def tidying(self, seconds: float) -> Iterator[None]:
        """What is done within has so many seconds, whatever the guard says."""
        self.until = time.monotonic() + seconds
        try:
            yield
        finally:
            self.until = None

    def check(self) -> None:
        """Raises Broken where it must end."""
        if self.until is not None:
            if time.monotonic() > self.until:
                raise Broken
        elif self.guard.late or self.guard.halted is not Halt.GO:
            raise Broken

    def send(self, body: bytes) -> None:
        """Send a packet."""
        self.unsent += string(body)
        self.flush()

    def flush(self) -> None:
        """Send what is left to be sent."""
        while self.unsent:
            self.check()
            try:
                sent = self.channel.send(self.unsent)
            except TimeoutError:
                continue
            except (SSHException, EOFError, OSError):
                raise Broken from None
            if not sent:
                raise Broken
            self.unsent = self.unsent[sent:]

    def await_bytes(self, count: int) -> None:
        """Wait until so many bytes have come."""
        while len(self.came) < count:
            self.check()
            try:
                data = self.channel.recv(2 * PIECE)
            except TimeoutError:
                continue
            except (SSHException, EOFError, OSError):
                raise Broken from None
            if not data:
                raise Broken
            self.came += data

    def receive(self) -> Answer:
        """The next packet."""
        self.flush()
        self.await_bytes(4)
        (length,) = struct.unpack_from(">I", self.came)
        if not 0 < length <= LONGEST:
            raise Garbled
        self.await_bytes(4 + length)
        data = bytes(self.came[4 : 4 + length])
        del self.came[: 4 + length]
        return Answer(data[0], data, 1)

    def request(self, kind: Kind, *parts: bytes) -> int:
        """Send a request, without waiting for its answer; its number."""
        self.check()
        self.last += 1
        self.asked.add(self.last)
        self.send(struct.pack(">BI", kind, self.last) + b"".join(parts))
        return self.last

    def answer(self, number: int, kind: Kind = Kind.STATUS) -> Answer:
        """The answer to a request, which must be of that kind."""
        while number not in self.answers:
            self.check()
            found = self.receive()
            which = found.number()
            if which not in self.asked:
                raise Garbled
            self.asked.remove(which)
            self.answers[which] = found
        answer = self.answers.pop(number)
        if answer.kind == Kind.STATUS:
            code = answer.number()
            if code != Code.OK:
                raise Refusal(code, "" if answer.over else answer.string().decode(errors="replace"))
        if answer.kind != kind:
            raise Garbled
        return answer

    def ask(self, request: Kind, *parts: bytes, kind: Kind = Kind.STATUS) -> Answer:
        """Send a request, and wait for its answer."""
        return self.answer(self.request(request, *parts), kind)

    def open(self, path: bytes, flags: int, attributes: Attributes = UNSAID) -> bytes:
        """Open a file; its handle."""
        parts = string(path), struct.pack(">I", flags), attributes.pack()
        return self.ask(Kind.OPEN, *parts, kind=Kind.HANDLE).string()

    def look(self, kind: Kind, which: bytes) -> Attributes:
        """What there is at a path (STAT, LSTAT), or under a handle (FSTAT)."""
        return self.ask(kind, string(which), kind=Kind.ATTRS).attributes()

    def read_link(self, path: bytes) -> bytes:
        """Where a link leads."""
        answer = self.ask(Kind.READLINK, string(path), kind=Kind.NAME)
        if answer.number() != 1:
            raise Garbled
        return answer.string()

    def write(self, handle: bytes, pieces: Iterable[bytes]) -> None:
        """Write all pieces, one after the other."""
        place, under_way = 0, deque[int]()
        for piece in pieces:
            if len(under_way) >= UNDER_WAY:
                self.answer(under_way.popleft())
            where = struct.pack(">Q", place)
            under_way.append(self.request(Kind.WRITE, string(handle), where, string(piece)))
            place += len(piece)
        for number in under_way:
            self.answer(number)

    def read(self, handle: bytes, size: int) -> Iterator[bytes]:
        """The first so many bytes of a file; fewer, where it is shorter."""
        under_way, asked = deque[tuple[int, int, int]](), 0
        while True:
            while asked < size and len(under_way) < UNDER_WAY:
                length = min(PIECE, size - asked)
                under_way.append((self.ask_for(handle, asked, length), asked, length))
                asked += length
            if not under_way:
                return
            number, place, length = under_way.popleft()
            while length:
                try:
                    data = self.answer(number, Kind.DATA).string()
                except Refusal as refusal:
                    if refusal.code == Code.EOF:
                        return
                    raise
                if not 0 < len(data) <= length:
                    raise Garbled
                yield data
                place, length = place + len(data), length - len(data)
                if length:  # some servers give less at a time
                    number = self.ask_for(handle, place, length)

    def ask_for(self, handle: bytes, place: int, length: int) -> int:
        """Ask for a part of a file."""
        return self.request(Kind.READ, string(handle), struct.pack(">QI", place, length))
