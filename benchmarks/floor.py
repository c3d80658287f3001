"""The floor: the least one can write on the irc package. It answers one command and keeps nothing."""

import argparse
import sys

from irc.bot import SingleServerIRCBot
from irc.client import Event, ServerConnection
from jaraco.stream.buffer import LenientDecodingLineBuffer


class Floor(SingleServerIRCBot):
    def __init__(self, port: int, rate: float) -> None:
        super().__init__([("127.0.0.1", port)], "bot", "bot")
        self.rate = rate

    def on_welcome(self, connection: ServerConnection, event: Event) -> None:
        connection.join("#ops")
        if self.rate:
            connection.set_rate_limit(self.rate)

    def on_pubmsg(self, connection: ServerConnection, event: Event) -> None:
        name, _, token = event.arguments[0].partition(" ")
        if name == ".bping":
            connection.privmsg(event.target, f"bpong {token}")

    def on_disconnect(self, connection: ServerConnection, event: Event) -> None:
        sys.exit()


if __name__ == "__main__":
    # The buffer of the package is strict: one line that is not UTF-8 ends the process.
    ServerConnection.buffer_class = LenientDecodingLineBuffer
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0, help="lines a second; 0 is no limit")
    args = parser.parse_args()
    Floor(args.port, args.rate).start()
