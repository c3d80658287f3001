"""`.run` and `.script`: a command on one machine, and how that ended."""

import shlex
from dataclasses import asdict
from typing import Any

from chanops.services.remote.tools import Tools, ending, outcome_of

# What is run where a script is: it comes on standard input, and its arguments as they were typed. It is a file of its
# own while it runs, so that it may be of any kind, and may read its own standard input (which has nothing in it).
WRAPPER = """\
umask 077
file=$(mktemp "${TMPDIR:-/tmp}/chanops-script.XXXXXXXX") || exit 125
trap 'rm -f "$file"' EXIT
trap 'exit 143' HUP INT TERM
cat >"$file" && chmod 700 "$file" || exit 125
"$file" "$@" </dev/null &
wait $!
"""
NAME = "chanops-script"


def command_of(options: dict[str, Any] | Any) -> str:
    """The text that is sent: a command as it was typed, or a script with its arguments quoted; with sudo if asked."""
    if "arguments" in options:
        text = script_command(options["arguments"])
    else:
        text = str(options["command"])
    return f"sudo -n -- sh -c {shlex.quote(text)}" if options.get("sudo") else text


def script_command(arguments: list[str]) -> str:
    """The command that runs a script from its standard input, with arguments that arrive byte for byte."""
    return shlex.join(["sh", "-c", WRAPPER, NAME, *arguments])


def run(tools: Tools) -> str:
    """A command on one machine, once."""
    work = tools.work
    tools.refuse_after_failures("run")
    recorder, login = tools.recorder(), tools.login

    def do() -> dict[str, Any]:
        outcome = tools.reach.shell.run(
            login,
            command_of(tools.options),
            recorder.sink,
            timeout=tools.timeout,
            stdin=str(work.plan.request.get("script", "")).encode(),
            halt=tools.halt,
            flood=tools.settings().ssh.most_output,
            sent=tools.sent,
            sudo=bool(tools.options.get("sudo")),
        )
        return asdict(outcome)

    found = tools.once("run", do, recorder.finish)
    work.facts |= {**found, "host": login.place}
    return ending(outcome_of(found), tools)
