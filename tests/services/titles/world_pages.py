"""The web servers of the test's own internet: on every address there is, with pages good and bad, and a log of all."""

import contextlib
import gzip
import json
import select
import socket
import ssl
import sys
import threading
import time
import zlib
from urllib.parse import unquote

import world_names

PORTS = (80, 443, 8080, 22, 6379)
SYNC = 9999
TITLE = b"<title>public</title>"
HTML = "Content-Type: text/html"
PATIENCE = 30


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode("utf-8") + body


def to(location: str, status: str = "302 Found") -> bytes:
    return reply(b"", f"Location: {location}", status=status)


def packed(body: bytes, level: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, level)
    return packer.compress(body) + packer.flush()


def chunked(*pieces: bytes) -> bytes:
    body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return f"HTTP/1.1 200 OK\r\n{HTML}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + body + b"0\r\nX: y\r\n\r\n"


def bomb() -> bytes:
    packer, block = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(300)) + packer.flush()


ANSWERS = {
    "/": reply(TITLE, HTML),
    "/loop": to("/loop"),
    "/circle-1": to("/circle-2"),
    "/circle-2": to("/circle-1"),
    "/relative/a": to("../good?x=1#y"),
    "/schemeless": to("//public.test/"),
    "/utf8": to("/gr\u00fc\u00dfe"),
    "/nowhere": reply(b"", status="302 Found"),
    "/missing": reply(TITLE, HTML, status="404 Not Found"),
    "/broken": reply(TITLE, HTML, status="500 Oh"),
    "/downgrade": to("http://public.test/"),
    "/secure": to("https://public.test/"),
    "/gzip": reply(gzip.compress(TITLE), HTML, "Content-Encoding: gzip"),
    "/deflate": reply(packed(TITLE, 15), HTML, "Content-Encoding: deflate"),
    "/raw-deflate": reply(packed(TITLE, -15), HTML, "Content-Encoding: deflate"),
    "/br": reply(b"\x0b\x02\x80title\x03", HTML, "Content-Encoding: br"),
    "/nested": reply(gzip.compress(gzip.compress(TITLE)), HTML, "Content-Encoding: gzip, gzip"),
    "/cut-gzip": reply(gzip.compress(TITLE + bytes(range(256)) * 9)[:90], HTML, "Content-Encoding: gzip"),
    "/no-gzip": reply(TITLE, HTML, "Content-Encoding: gzip"),
    "/chunked": chunked(b"<ti", b"tle>pub", b"lic</title>"),
    "/chunk-junk": f"HTTP/1.1 200 OK\r\n{HTML}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode() + TITLE,
    "/pdf": reply(b"%PDF-1.7", "Content-Type: application/pdf"),
    "/text": reply(TITLE, "Content-Type: text/plain; charset=utf-8"),
    "/kindless": reply(TITLE),
    "/early": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(TITLE, HTML),
    "/latin": reply("<title>gr\u00fc\u00dfe</title>".encode("latin-1"), "Content-Type: text/html; charset=iso-8859-1"),
    "/junk": b"SSH-2.0-OpenSSH_9.6\r\n",
    "/nothing": b"",
    "/many-headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n" + TITLE,
    "/long-header": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 10_000_000 + b"\r\n\r\n" + TITLE,
    "/promises": b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
    "/hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000,
    "/cut": f"HTTP/1.1 200 OK\r\n{HTML}\r\nContent-Length: 999\r\n\r\n".encode() + TITLE,
    "/bomb": reply(bomb(), HTML, "Content-Encoding: gzip"),
    "/good?x=1": reply(b"<title>good</title>", HTML),
    "/gr%C3%BC%C3%9Fe": reply(b"<title>utf8</title>", HTML),
}


class Pages:
    """Accepts on all addresses (the kernel takes all as its own), and logs before anything else."""

    def __init__(self, log, certificate: str) -> None:
        self.log = log
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def serve(self) -> None:
        listeners = [
            socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
            for port in (*PORTS, SYNC)
        ]
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select(listeners, [], [])
            for listener in sorted(ready, key=listeners.index):
                connection, _ = listener.accept()
                host, port = connection.getsockname()[:2]
                if port == SYNC:
                    connection.sendall(b"x")
                    connection.close()
                    continue
                self.log({"hit": host.removeprefix("::ffff:"), "port": port})
                threading.Thread(target=self.talk, args=(connection, port), daemon=True).start()

    def talk(self, connection: socket.socket, port: int) -> None:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with contextlib.suppress(OSError):
            if port == 443:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (data := connection.recv(4096)):
                        return
                    head += data
                path = head.split(b" ")[1].decode("ascii")
                self.log({"request": path, "head": head.decode("latin-1")})
                started, sent = time.monotonic(), 0
                with contextlib.suppress(OSError):
                    for piece in pieces(path):
                        sent += connection.send(piece)
                self.log({"sent": sent, "path": path, "seconds": time.monotonic() - started})


def pieces(path: str):
    """What is sent, bit by bit; each bit at most 4 kB, so that one sees where it was stopped."""
    route, _, query = path.partition("?")
    if route == "/never":
        time.sleep(PATIENCE)
    elif route == "/slow-head":
        yield from slowly(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000)
    elif route == "/slow-body":
        yield f"HTTP/1.1 200 OK\r\n{HTML}\r\n\r\n<title>never ends".encode()
        yield from slowly(b"x" * 1000)
    elif route == "/slow-after":
        yield f"HTTP/1.1 200 OK\r\n{HTML}\r\n\r\n<title>in time</title>".encode()
        yield from slowly(b"x" * 1000)
    elif route == "/slow-later":
        yield f"HTTP/1.1 200 OK\r\n{HTML}\r\n\r\n<head><title>at once</title></head>".encode()
        yield from slowly(b"x" * 1000)
    elif route == "/slow-hop":
        time.sleep(0.8)
        yield to(f"/slow-hop?{int(query or 0) + 1}")
    elif route == "/big":
        yield f"HTTP/1.1 200 OK\r\n{HTML}\r\nContent-Length: 400000000\r\n\r\n".encode()
        for _ in range(100_000):
            yield b"<p>" + b"x" * 3997
    elif route == "/to":
        yield to(unquote(query))
    elif route == "/hops":
        yield to(f"/hops?{int(query) - 1}") if int(query) else ANSWERS["/"]
    else:
        answer = memoryview(ANSWERS.get(path, ANSWERS.get(route, ANSWERS["/"])))
        for at in range(0, len(answer), 4096):
            yield answer[at : at + 4096]


def slowly(data: bytes):
    for byte in data:
        time.sleep(0.5)
        yield bytes([byte])


def main(log_file: str, certificate: str) -> None:
    guard = threading.Lock()
    with open(log_file, "a", buffering=1) as file:

        def log(entry) -> None:
            with guard:
                file.write(json.dumps(entry) + "\n")

        threading.Thread(target=world_names.serve, args=(log,), daemon=True).start()
        Pages(log, certificate).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
