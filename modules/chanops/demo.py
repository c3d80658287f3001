"""The demo: a whole network and a cloud in one process, and somebody to talk to the bot there."""

import secrets
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from chanops import configuration
from chanops.app import App
from chanops.conversation import Played, Stage, prompt
from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, public_key
from chanops.simulator.chat import Chat
from chanops.simulator.digitalocean import CloudServer, Delays
from chanops.simulator.ircd import IrcServer
from chanops.simulator.ssh_cloud import Ssh
from chanops.ssh.keys import new_host_key
from chanops.ssh.known import KnownHosts

BOT, CHANNEL, PASSWORD = "chanops", "#ops", "demo"
IRC_PORT, WEB_PORT = 6667, 8080
WITHIN = 10.0
DELAYS = 0.5  # of a simulated action's few seconds

KEY_FILE, KNOWN_HOSTS = "id_ed25519", "known_hosts"
SSH = f"""\
[ssh]
key_file = {KEY_FILE}
known_hosts = {KNOWN_HOSTS}
[machine:*]
port = {{port}}
"""

INTRODUCTION = """\
An IRC network on {host}:{port}, with the bot in {channel}. Join with any client:
  /connect {host} {port}    then  /join {channel}
  To be somebody with a role there: nick alice, then  /msg NickServ IDENTIFY {password}
A simulated DigitalOcean with three machines, which answer SSH: {cloud}
The pages: {pages}machines and {pages}jobs; the feed: {pages}feed.rss
"""


def demo(play: bool) -> int:
    """Set all up and talk: a prompt on a terminal, else a played conversation. 0 when every answer was right."""
    with stage() as made:
        host, port = made.irc
        about = {"channel": CHANNEL, "password": PASSWORD, "pages": made.pages, "cloud": made.cloud}
        print(INTRODUCTION.format(host=host, port=port, **about))
        alice = Chat(made.irc, "alice", CHANNEL, PASSWORD)
        try:
            if not alice.wait_for(BOT, WITHIN):
                raise Problem("the bot did not come into the channel")
            if play or not sys.stdin.isatty():
                return Played(alice, made).play()
            return prompt(alice, made)
        finally:
            alice.leave()


@contextmanager
def stage() -> Iterator[Stage]:
    """The network, the cloud, the bot, the pages; all gone afterwards."""
    bot_password, token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    accounts = {"alice": PASSWORD, BOT: bot_password}
    private, public = new_host_key()
    ssh = Ssh()
    with (
        tempfile.TemporaryDirectory(prefix="chanops-demo-") as folder,
        CloudServer(token=token, delays=Delays.realistic(DELAYS), ssh=ssh) as cloud,
    ):
        path = Path(folder) / "config.ini"
        private_file(path.parent / KEY_FILE, private)
        furnish(cloud, ssh, public, path.parent)
        server = listening(lambda port: IrcServer(port=port, accounts=accounts), IRC_PORT)
        try:
            with running(
                path, partial(write_configuration, path, server.address, bot_password, cloud, ssh.port)
            ) as app:
                yield Stage(server.address, app.pages.home, cloud.url)
        finally:
            server.stop()


@contextmanager
def running(path: Path, configure: Callable[[int], None]) -> Iterator[App]:
    """The bot, its pages on their usual port, or on any that is free."""
    for web in (WEB_PORT, 0):
        configure(web)
        app, ready, failed = App(configuration.read(path)), threading.Event(), list[BaseException]()
        thread = threading.Thread(target=run, args=(app, ready, failed), name="bot")
        thread.start()
        if ready.wait(WITHIN) and not failed:
            break
        leave(app, thread)
    else:
        raise failed[0] if failed else Problem("the bot did not start in time")
    try:
        yield app
    finally:
        leave(app, thread)


def leave(app: App, thread: threading.Thread) -> None:
    """Stop the bot, and wait for it."""
    app.stop()
    thread.join(WITHIN)


def furnish(cloud: CloudServer, ssh: Ssh, public: PublicKey, folder: Path) -> None:
    """Machines that have been there for a while: they know the bot's key, and it knows theirs."""
    cloud.world.add_key(BOT, public.line)
    known = KnownHosts(folder / KNOWN_HOSTS)
    for name, size, tag in (
        ("db", "s-2vcpu-4gb", "db"),
        ("spider", "s-1vcpu-2gb", "scraper"),
        ("old-web", "s-1vcpu-1gb", "web"),
    ):
        number = cloud.world.add_droplet(name, size=size, tags=(tag,))
        machine = ssh.machine(number) if cloud.ssh is not None else None
        if machine is not None:
            known.pin(f"demo/{name}", [public_key(machine.host_key)])
        if name == "old-web":
            cloud.world.set_status(number, "off")


def listening(make: Callable[[int], IrcServer], port: int) -> IrcServer:
    """The server on its usual port, or on any that is free."""
    for each in (port, 0):
        server = make(each)
        try:
            server.start()
        except OSError:
            continue
        return server
    raise Problem("no port is free for the IRC server")


def run(app: App, ready: threading.Event, failed: list[BaseException]) -> None:
    """The bot, in a thread."""
    try:
        app.run(ready.set)
    except Exception as error:  # noqa: BLE001  handed to the thread that waits
        failed.append(error)
        ready.set()


def private_file(path: Path, text: str) -> None:
    """A file that only we may read."""
    path.touch(mode=0o600)
    path.write_text(text)


def write_configuration(
    path: Path, address: tuple[str, int], password: str, cloud: CloudServer, port: int, web: int
) -> None:
    """The demo's configuration, as a file like anybody's, so that .reload has something to read."""
    private_file(
        path,
        f"""\
[network:demo]
host = {address[0]}
port = {address[1]}
tls = no
nick = {BOT}
channels = {CHANNEL}
sasl_user = {BOT}
sasl_password = {password}
send_burst = 20
send_interval = 0.2
[web]
listen = 127.0.0.1:{web}
[feed]
title = Links and jobs in {CHANNEL}
[roles]
admin = alice
ops = alice
[provider:demo]
kind = digitalocean
token = {cloud.token}
endpoint = {cloud.url.rstrip("/")}
poll = 0.3
[machine:scraper-*]
size = s-2vcpu-4gb
region = fra1
image = debian-13-x64
tags = scraper
[machine:spider]
protect = stop-only
"""
        + (SSH.format(port=port) if cloud.ssh is not None else ""),
    )
