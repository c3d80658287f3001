"""The floor of the pages: one document over HTTP from the standard library, with its ETag."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BODY = Path(sys.argv[2]).read_bytes()
ETAG = '"floor"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without these two, head and body leave apart and wait 40 ms for each other.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        known = self.headers["If-None-Match"] == ETAG
        self.send_response(304 if known else 200)
        self.send_header("ETag", ETAG)
        if not known:
            self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if not known:
            self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
