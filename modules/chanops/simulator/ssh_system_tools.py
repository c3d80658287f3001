"""The pretended machines' tools that tell of the machine, or pretend to look after it."""

import re
import time
from datetime import UTC, datetime, timedelta

from chanops.simulator.ssh_process import Ended
from chanops.simulator.ssh_tools import Call, Misused, table

_GB = 1024 * 1024  # in the kilobytes that df counts
_SERVICES = ("ssh", "sshd", "cron", "nginx", "systemd-journald")


def uname(call: Call) -> int:
    options, _ = call.options("asnrvmpio")
    facts = call.machine.facts
    _, release, version = facts.system
    told = {"s": "Linux", "n": call.machine.hostname, "r": release, "v": version, "m": "x86_64", "o": "GNU/Linux"}
    wanted = told if "a" in options else [each for each in told if each in options] or ["s"]
    call.say(" ".join(told[each] for each in wanted))
    return 0


def hostname(call: Call) -> int:
    options, _ = call.options("sfiI")
    facts = call.machine.facts
    call.say(
        "".join(f"{each} " for each in (facts.address, facts.private) if each)
        if {"i", "I"} & options.keys()
        else call.machine.hostname
    )
    return 0


def uptime(call: Call) -> int:
    options, _ = call.options("ps")
    since = timedelta(seconds=int(time.time() - call.machine.up_since))
    hours, minutes = divmod(since.seconds // 60, 60)
    days = f"{since.days} day{'s' * (since.days != 1)}" if since.days else ""
    if "p" in options:
        parts = [days, f"{hours} hours" if hours else "", f"{minutes} minutes"]
        call.say(f"up {', '.join(filter(None, parts))}")
    elif "s" in options:
        call.say(f"{datetime.fromtimestamp(call.machine.up_since, UTC):%Y-%m-%d %H:%M:%S}")
    else:
        clock = f"{hours:2}:{minutes:02}" if hours else f"{minutes} min"
        load = ", ".join(f"{each:.2f}" for each in call.machine.load())
        lasting = f"{days}, {clock}" if days else clock
        call.say(f" {datetime.now(UTC):%H:%M:%S} up {lasting},  1 user,  load average: {load}")
    return 0


def whoami(call: Call) -> int:
    call.say(call.shell.user)
    return 0


def identity(call: Call) -> int:
    options, _ = call.options("ugn")
    user, number = call.shell.user, 0 if call.shell.user == "root" else 1000
    if {"u", "g"} & options.keys():
        call.say(user if "n" in options else str(number))
    else:
        call.say(f"uid={number}({user}) gid={number}({user}) groups={number}({user})")
    return 0


def date(call: Call) -> int:
    words = [each for each in call.words if each not in ("-u", "--utc")]
    now = datetime.now(UTC)
    if words and words[0].startswith("+"):
        call.say(now.strftime(words[0][1:].replace("%N", f"{now.microsecond:06}000")))
    elif words and words[0] in ("-R", "-Is", "-Iseconds"):
        call.say(f"{now:%a, %d %b %Y %H:%M:%S +0000}" if words[0] == "-R" else f"{now:%Y-%m-%dT%H:%M:%S+00:00}")
    else:
        call.say(f"{now:%a %b %e %H:%M:%S UTC %Y}")
    return 0


def disk_free(call: Call) -> int:
    options, _ = call.options("hkmTi")
    facts = call.machine.facts
    size, used = int(facts.disk * 0.97 * _GB), int(facts.used * _GB) + (call.disk.used >> 10)
    memory = facts.memory * 1024 // 10

    def row(device: str, size: int, used: int, where: str) -> str:
        shown = [_human(each) if "h" in options else str(each) for each in (size, used, size - used)]
        return f"{device:<15}{shown[0]:>10}{shown[1]:>9}{shown[2]:>10}{-(-used * 100 // size):>4}% {where}"

    head = ("Size", "Used", "Avail") if "h" in options else ("1K-blocks", "Used", "Available")
    call.say(f"Filesystem     {head[0]:>10}{head[1]:>9}{head[2]:>10} Use% Mounted on")
    call.say(row("/dev/vda1", size, used, "/"))
    call.say(row("tmpfs", memory, 512, "/run"))
    return 0


def _human(kilobytes: float) -> str:
    for unit in "KMG":
        if kilobytes < 1024 or unit == "G":
            break
        kilobytes /= 1024
    return f"{kilobytes:.1f}{unit}" if kilobytes < 10 else f"{kilobytes:.0f}{unit}"


def free(call: Call) -> int:
    options, _ = call.options("hmkgb")
    total = call.machine.facts.memory * 1000
    used, cached = int(total * 0.23) + 90_000, int(total * 0.3)
    rows = {"Mem:": [total, used, total - used - cached, 1100, cached, total - used], "Swap:": [0, 0, 0]}

    def shown(kilobytes: int) -> str:
        if "h" in options:
            return f"{_human(kilobytes)}i" if kilobytes else "0B"
        return str(kilobytes // 1024 if "m" in options else kilobytes)

    call.say(
        " " * 7 + "".join(f"{each:>12}" for each in ("total", "used", "free", "shared", "buff/cache", "available"))
    )
    for name, numbers in rows.items():
        call.say(f"{name:<7}" + "".join(f"{shown(each):>12}" for each in numbers))
    return 0


def processors(call: Call) -> int:
    call.say(str(call.machine.facts.vcpus))
    return 0


def processes(call: Call) -> int:
    call.say("    PID TTY          TIME CMD")
    for number, command in ((1, "systemd"), (412, "cron"), (655, "sshd"), (1412, call.shell.name), (1413, "ps")):
        call.say(f"{number:>7} ?        00:00:00 {command}")
    return 0


def services(call: Call) -> int:
    """systemctl status, is-active, and what changes a service, which is always well."""
    words = [each for each in call.words if not each.startswith("-")]
    verb, name = (*words, "", "")[:2]
    name = name.removesuffix(".service")
    if verb in ("is-system-running", "daemon-reload"):
        if verb == "is-system-running":
            call.say("running")
        return 0
    if name not in _SERVICES:
        if verb == "is-active":
            call.say("inactive")
            return 3
        return call.complain(f"Unit {name}.service could not be found.", 4)
    if verb == "is-active":
        call.say("active")
    elif verb == "status":
        since = datetime.fromtimestamp(call.machine.up_since, UTC)
        call.say(f"● {name}.service - {name}")
        call.say(f"     Loaded: loaded (/lib/systemd/system/{name}.service; enabled)")
        call.say(f"     Active: active (running) since {since:%a %Y-%m-%d %H:%M:%S} UTC")
    elif verb not in ("start", "stop", "restart", "reload", "enable", "disable"):
        raise Misused(f"Unknown command verb '{verb}'.")
    return 0


def git(call: Call) -> int:
    words = list(call.words)
    while words and words[0].startswith("-"):
        words = words[2 if words[0] == "-C" else 1 :]
    if words[:1] == ["pull"]:
        call.say("Already up to date.")
    elif words[:1] == ["status"]:
        call.say(
            "On branch main\nYour branch is up to date with 'origin/main'.\n\nnothing to commit, working tree clean"
        )
    elif words[:1] == ["--version"] or call.words[:1] == ["--version"]:
        call.say("git version 2.39.5")
    elif words[:1] not in (["fetch"], ["checkout"]):
        return call.complain(f"'{' '.join(words[:1])}' is not a git command. See 'git --help'.")
    return 0


def packages(call: Call) -> int:
    """apt-get update, upgrade and install, with nothing new."""
    words = [each for each in call.words if not each.startswith("-")]
    if words[:1] == ["update"]:
        name = re.search(r"\((\w+)\)", call.machine.facts.system[0])
        call.say(f"Hit:1 http://mirrors.digitalocean.com/debian {name[1] if name else 'stable'} InRelease")
    elif words[:1] not in (["upgrade"], ["install"], ["dist-upgrade"], ["autoremove"]):
        return call.complain(f"Invalid operation {' '.join(words[:1])}", 100)
    call.say("Reading package lists... Done")
    if words[0] != "update":
        call.say("Building dependency tree... Done")
        for each in words[1:]:
            call.say(f"{each} is already the newest version.")
        call.say("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.")
    return 0


def switch(call: Call) -> int:
    """reboot, poweroff, halt, shutdown: the machine goes, and every connection to it."""
    call.machine.switch("reboot" if call.name == "reboot" or "-r" in call.words else "off")
    raise Ended


SYSTEM = table(
    {
        "uname": uname,
        "hostname": hostname,
        "uptime": uptime,
        "whoami": whoami,
        "id": identity,
        "date": date,
        "df": disk_free,
        "free": free,
        "nproc": processors,
        "ps": processes,
        "systemctl": services,
        "git": git,
        "apt-get apt": packages,
        "reboot poweroff halt shutdown": switch,
    }
)
