"""The simulated DigitalOcean's HTTP: threads, connections that stay open, answers that hang, drip or never come."""

import json
import socket
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chanops.simulator.do_control import control
from chanops.simulator.do_service import Asked, Reply, Service

_MOST_BODY = 1_000_000
_IDLE_SECONDS = 120.0
_POLL_SECONDS = 0.05


class _Connection(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: "_Server"

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: whoever wants to know reads the request log."""

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        path = self.path.partition("?")[0]
        if path.startswith("/v2/"):
            header = self.headers.get("Authorization", "")
            token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else ""
            agent, port = self.headers.get("User-Agent", ""), self.client_address[1]
            self._send_reply(self.server.service.serve(Asked(self.command, self.path, token, body, agent, port)))
        else:
            self._send(*control(self.server.service, self.command, path, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  the names the parent calls

    def _read_body(self) -> bytes | None:
        """The body; None when it was refused."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            refusal = (411, "length_required", "A body needs its length.")
        elif len(length) > 9 or int(length) > _MOST_BODY:
            refusal = (413, "payload_too_large", "The body is too large.")
        else:
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                self.close_connection = True
                return None
            return body
        self.close_connection = True
        self._send(refusal[0], {"id": refusal[1], "message": refusal[2]})
        return None

    def _send_reply(self, reply: Reply) -> None:
        if reply.hang:
            self.server.stopping.wait(reply.hang)
        if reply.answer is None:
            self.close_connection = True
            return
        answer = reply.answer
        if reply.html:
            page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
            self._write(answer.status, page, "text/html", answer.headers, reply.drip)
        else:
            self._send(answer.status, answer.body, answer.headers, reply.drip)

    def _send(self, status: int, thing: Any, headers: Mapping[str, str] = {}, drip: float | None = None) -> None:
        data = b"" if thing is None else json.dumps(thing, separators=(",", ":")).encode()
        self._write(status, data, "application/json; charset=utf-8", headers, drip)

    def _write(self, status: int, data: bytes, kind: str, headers: Mapping[str, str], drip: float | None) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Type: {kind}")
        if status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(data)}")
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if drip is None:
            self.wfile.write(head + data)
            return
        self.wfile.write(head)
        for number in range(len(data)):
            if self.server.stopping.wait(drip):
                break
            self.wfile.write(data[number : number + 1])


class _Server(ThreadingHTTPServer):
    """The listening socket and the connections that are open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        if self.stopping.is_set():
            self.close_all()

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def close_all(self) -> None:
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster

    def server_bind(self) -> None:
        """Without the look-up of the host's name that the parent does, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error to tell of; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Listener:
    """One run of the server."""

    def __init__(self, asked: tuple[str, int], service: Service) -> None:
        self._server = _Server(asked, service)
        self.root = f"http://{asked[0]}:{self._server.server_port}"
        service.base = f"{self.root}/v2/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="digitalocean", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_all()
        self._thread.join()
