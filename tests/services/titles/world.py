"""An internet of our own in a namespace, where every address answers and every connection is noted.

Run as a script with a folder: it goes into namespaces of network and mounts, asks for all pages, and prints JSON.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

from spellings import EXPECTED
from world_pages import ANSWERS, SYNC

from chanops.services.titles.fetch import NotFetched, Rules, fetch

PUBLIC = "http://public.test"
HOSTILE_TOGETHER = ("/never", "/slow-head", "/slow-body", "/slow-hop", "/slow-after", "/slow-later")
HOSTILE_ALONE = ("/big", "/bomb", "/many-headers", "/long-header", "/promises", "/hints")
INSIDE_HOSTS = frozenset({"inside.test", "Inside.test:8080", "127.0.0.1:6379", "nonsense name", "http://x"})


class World:
    """The servers, in a process of their own, and what they noted."""

    def __init__(self, folder: Path) -> None:
        self.log_file = folder / "log"
        self.log_file.touch()
        self.read = 0
        script = Path(__file__).with_name("world_pages.py")
        self.servers = subprocess.Popen(
            [sys.executable, str(script), str(self.log_file), str(folder / "server.pem")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.servers.stdout is not None
        assert self.servers.stdout.readline() == "ready\n"

    def noted(self) -> list[dict[str, object]]:
        """What came to pass since this was asked last."""
        with socket.create_connection(("127.0.0.1", SYNC), 10) as connection:
            connection.recv(1)
        lines = self.log_file.read_text().splitlines()
        new, self.read = lines[self.read :], len(lines)
        return [json.loads(line) for line in new]


def outcome(address: str, rules: Rules = Rules(seconds=5.0)) -> dict[str, object]:
    """What became of one address; anything but an answer or a refusal ends the world."""
    started = time.monotonic()
    found: dict[str, object]
    try:
        found = dict(fetch(address, rules)._asdict(), result="fetched")
    except NotFetched as problem:
        found = {"result": "refused", "why": str(problem)}
    return found | {"seconds": time.monotonic() - started}


def peak() -> int:
    """The most memory since the last reset, in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def measured(addresses: tuple[str, ...]) -> dict[str, object]:
    """Ask for pages at the same time, and see how much memory that takes."""
    Path("/proc/self/clear_refs").write_text("5")
    before, found = peak(), dict[str, dict[str, object]]()
    threads = [
        threading.Thread(target=lambda each=each: found.__setitem__(each, outcome(PUBLIC + each))) for each in addresses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    grown = peak() - before
    return {each: result | {"grown": grown} for each, result in found.items()}


def all_of_it(world: World) -> dict[str, object]:
    found: dict[str, object] = {}
    found["spellings"] = {address: outcome(address) for address in EXPECTED}
    found["led there"] = {
        address: outcome(f"{PUBLIC}/to?{quote(address, errors='replace')}")
        for address in EXPECTED
        if address and "rebind" not in address
    }
    found["rebound"] = {
        "same page": outcome("http://2.rebind.test/"),
        "led to itself": outcome("http://3.rebind.test/relative/a"),
        "again": outcome("http://1.rebind.test/"),
    }
    found["pages"] = {path: outcome(PUBLIC + path) for path in ANSWERS if path not in HOSTILE_ALONE}
    found["hops"] = {str(count): outcome(f"{PUBLIC}/hops?{count}") for count in (4, 5, 6)}
    found["secure"] = {
        address: outcome(address)
        for address in ("https://public.test/", "https://wrong.test/", "https://public.test/downgrade")
    }
    found["hostile"] = measured(HOSTILE_TOGETHER)
    for path in HOSTILE_ALONE:
        found["hostile"] |= measured((path,))
    found["hanging name"] = outcome("http://hang.test/", Rules(seconds=2.0))
    found["noted"] = world.noted()
    inside = Rules(hosts=INSIDE_HOSTS)
    addresses = [f"http://inside.test{port}/" for port in ("", ":8080", ":6379")]
    addresses += ["http://127.0.0.1:6379/", "http://127.0.0.1/", "http://private.test/", f"{PUBLIC}/to?{addresses[0]}"]
    found["inside"] = {address: outcome(address, inside) for address in addresses}
    found["noted inside"] = world.noted()
    return found


def settle(folder: Path) -> None:
    """Make all addresses this machine's own, and have names come from our server."""
    files = {
        "resolv.conf": "nameserver 127.0.0.53\noptions timeout:10 attempts:1\n",
        "nsswitch.conf": "hosts: files dns\n",
        "hosts": "127.0.0.1 localhost\n::1 ip6-localhost\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    for command in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)


def main(folder: Path, entered: bool) -> None:
    if not entered:
        namespaces = ["unshare", "--net", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
        os.execvp("unshare", [*namespaces, sys.executable, __file__, str(folder), "entered"])
    settle(folder)
    world = World(folder)
    try:
        print(json.dumps(all_of_it(world)))
    finally:
        world.servers.kill()
        world.servers.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), len(sys.argv) > 2)
