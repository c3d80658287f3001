"""Those who log in: each connects, runs a command and ends, one host or all of them at a time."""

import abc
import asyncio
import importlib.util
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.fleet import Host

USER = "root"
STUCK = 20_000  # milliseconds
Answer = tuple[int, int]  # the exit status, and how many bytes came


class Peer(abc.ABC):
    """One way to run commands on hosts."""

    needs = ""
    connects = True  # apart from running a command

    def __init__(self, key: Path, known_hosts: Path) -> None:
        self.key, self.known_hosts = key, known_hosts
        self.open: list[Any] = []

    @classmethod
    def there(cls) -> bool:
        return not cls.needs or importlib.util.find_spec(cls.needs) is not None

    @abc.abstractmethod
    def cold(self, hosts: Sequence[Host], command: str, threads: int) -> list[Answer]:
        """Connect, run, end, with each; who keeps connections ends them in end_all."""

    @abc.abstractmethod
    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        """Connect with each, and keep it."""

    @abc.abstractmethod
    def warm(self, command: str, threads: int) -> list[Answer]:
        """Run on all that are connected."""

    def again(self, command: str, count: int) -> list[Answer]:
        """One command after the other, at all that are connected."""
        return [answer for _ in range(count) for answer in self.warm(command, 1)]

    def end_all(self) -> None:
        """End all connections."""

    def forget(self) -> None:
        """Forget what was read of the known hosts, if that is kept."""


class Threaded(Peer):
    """One host in each thread, as is done with a library that blocks."""

    @abc.abstractmethod
    def connect(self, host: Host) -> Any: ...

    @abc.abstractmethod
    def run(self, connection: Any, command: str) -> Answer: ...

    @abc.abstractmethod
    def end(self, connection: Any) -> None: ...

    def cold(self, hosts: Sequence[Host], command: str, threads: int) -> list[Answer]:
        def one(host: Host) -> Answer:
            connection = self.connect(host)
            try:
                return self.run(connection, command)
            finally:
                self.end(connection)

        return self.each(one, hosts, threads)

    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        self.open += self.each(self.connect, hosts, threads)

    def warm(self, command: str, threads: int) -> list[Answer]:
        return self.each(lambda connection: self.run(connection, command), self.open, threads)

    def end_all(self) -> None:
        for connection in self.open:
            self.end(connection)
        self.open.clear()

    @staticmethod
    def each(what: Callable[[Any], Any], items: Sequence[Any], threads: int) -> list[Any]:
        if threads == 1:
            return [what(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(what, items))


class Paramiko(Threaded):
    """As its README shows it."""

    needs = "paramiko"

    def connect(self, host: Host) -> Any:
        import paramiko

        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(host.address, port=host.port, username=USER, key_filename=str(self.key))
        return client

    def run(self, connection: Any, command: str) -> Answer:
        _, stdout, _ = connection.exec_command(command)
        written = len(stdout.read())
        return stdout.channel.recv_exit_status(), written

    def end(self, connection: Any) -> None:
        connection.close()


class Fabric(Threaded):
    needs = "fabric"

    def connect(self, host: Host) -> Any:
        from fabric import Connection

        return Connection(host.address, user=USER, port=host.port, connect_kwargs={"key_filename": str(self.key)})

    def run(self, connection: Any, command: str) -> Answer:
        result = connection.run(command, hide=True, in_stream=False)
        return result.exited, len(result.stdout)

    def end(self, connection: Any) -> None:
        connection.close()


class Ssh2(Threaded):
    """ssh2-python, a binding of libssh2."""

    needs = "ssh2"

    def connect(self, host: Host) -> Any:
        from ssh2.session import Session

        sock = socket.create_connection((host.address, host.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session()
        session.set_timeout(STUCK)
        session.handshake(sock)
        session.userauth_publickey_fromfile(USER, str(self.key))
        return [session, sock]

    def run(self, connection: Any, command: str) -> Answer:
        channel = connection[0].open_session()
        channel.execute(command)
        written = 0
        while True:
            size, _ = channel.read(65536)
            if size <= 0:
                break
            written += size
        channel.wait_eof()
        channel.close()
        channel.wait_closed()
        return channel.get_exit_status(), written

    def end(self, connection: Any) -> None:
        session, sock = connection
        session.disconnect()
        # Freed before its socket is closed: else it writes into whatever gets that number next.
        del session
        connection[0] = None
        sock.close()


class ParallelSsh(Peer):
    """parallel-ssh, on libssh2 and gevent."""

    needs = "pssh"
    connects = False

    def client(self, hosts: Sequence[Host], threads: int) -> Any:
        from pssh.clients import ParallelSSHClient

        names = [host.address for host in hosts]
        return ParallelSSHClient(names, USER, port=hosts[0].port, pkey=str(self.key), pool_size=threads)

    def cold(self, hosts: Sequence[Host], command: str, threads: int) -> list[Answer]:
        return self.run(self.client(hosts, threads), command)

    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        self.open.append(self.client(hosts, threads))
        self.warm("true", threads)

    def warm(self, command: str, threads: int) -> list[Answer]:
        return self.run(self.open[0], command)

    def run(self, client: Any, command: str) -> list[Answer]:
        answers = []
        output = client.run_command(command)
        client.join(output)
        for one in output:
            written = sum(len(line) + 1 for line in one.stdout)
            answers.append((one.exit_code, written))
        return answers


class Asyncssh(Peer):
    needs = "asyncssh"

    def __init__(self, key: Path, known_hosts: Path) -> None:
        super().__init__(key, known_hosts)
        self.loop = asyncio.new_event_loop()

    async def connect(self, host: Host) -> Any:
        import asyncssh

        return await asyncssh.connect(
            host.address, host.port, username=USER, client_keys=[str(self.key)], known_hosts=None
        )

    async def run(self, connection: Any, command: str) -> Answer:
        done = await connection.run(command, encoding=None)
        return done.exit_status, len(done.stdout)

    async def once(self, host: Host, command: str) -> Answer:
        connection = await self.connect(host)
        answer = await self.run(connection, command)
        connection.close()
        await connection.wait_closed()
        return answer

    def each(self, what: Callable[[Any], Any], items: Sequence[Any], threads: int) -> list[Any]:
        async def all_of_them() -> list[Any]:
            room = asyncio.Semaphore(threads)

            async def one(item: Any) -> Any:
                async with room:
                    return await what(item)

            return await asyncio.gather(*map(one, items))

        return self.loop.run_until_complete(all_of_them())

    def cold(self, hosts: Sequence[Host], command: str, threads: int) -> list[Answer]:
        return self.each(lambda host: self.once(host, command), hosts, threads)

    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        self.open += self.each(self.connect, hosts, threads)

    def warm(self, command: str, threads: int) -> list[Answer]:
        return self.each(lambda connection: self.run(connection, command), self.open, threads)

    def end_all(self) -> None:
        async def end(connection: Any) -> None:
            connection.close()
            await connection.wait_closed()

        self.each(end, self.open, len(self.open) or 1)
        self.open.clear()
