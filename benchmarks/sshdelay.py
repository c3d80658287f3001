"""A network in between: every byte arrives late, in both directions; only the TCP handshake is spared."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

from benchmarks.fleet import Host


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """One direction, until its end."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                writer.write(data)
            writer.close()

    arriving = asyncio.create_task(arrive())
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            quick(reader)
            waiting.put_nowait((loop.time() + delay, data))
    waiting.put_nowait((loop.time() + delay, b""))
    await arriving


def quick(reader: asyncio.StreamReader) -> None:
    """No delayed acknowledgement of ours may hold up a server: it is the client that is measured."""
    transport = getattr(reader, "_transport", None)
    if transport is not None and (sock := transport.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


async def serve(
    hosts: Sequence[Host], seconds: float, made: list[Host], ready: threading.Event, over: asyncio.Event
) -> None:
    async def accept(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = hosts[number]
        there = await asyncio.open_connection(host.address, host.port)
        both = (carry(reader, there[1], seconds / 2), carry(there[0], writer, seconds / 2))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*both, return_exceptions=True)
        writer.transport.abort()
        there[1].transport.abort()

    async with contextlib.AsyncExitStack() as stack:
        for number, host in enumerate(hosts):
            server = await asyncio.start_server(
                lambda reader, writer, number=number: accept(number, reader, writer), "127.0.0.1", 0
            )
            await stack.enter_async_context(server)
            made.append(Host("127.0.0.1", server.sockets[0].getsockname()[1], host.name))
        ready.set()
        await over.wait()


@contextlib.contextmanager
def delayed(hosts: Sequence[Host], seconds: float) -> Iterator[list[Host]]:
    """The same hosts at other ports, with a round trip of so many seconds."""
    made: list[Host] = []
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    serving = serve(hosts, seconds, made, ready, over)

    def live() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serving)

    thread = threading.Thread(target=live, name="delay", daemon=True)
    thread.start()
    try:
        assert ready.wait(10), "the delay did not start"
        yield made
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
