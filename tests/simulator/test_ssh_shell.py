"""The pretended machines' shell, judged by a real sh where both can run the same text."""

import io
import shutil
import subprocess

import pytest

from chanops.simulator.ssh_jobs import TOOLS
from chanops.simulator.ssh_machine import Facts, SshMachine
from chanops.simulator.ssh_process import Process
from chanops.simulator.ssh_shell import Shell
from chanops.simulator.ssh_streams import Streams

# Each runs in an empty folder of its own, here and there.
ALIKE = r"""echo a  b 'c  d' "e  f" g\ h \$x
%
false || echo no && echo yes; echo $?; ! true; echo $?
%
true && false; echo $?; (exit 3); echo $?; exit 4
%
echo one > f; echo two >> f; cat f; wc -l < f; cat f | grep -n t | head -1; rm f
cat f 2>/dev/null || echo gone
%
echo out; echo err >&2; { echo both; echo two >&2; } 2>&1; echo quiet > /dev/null 2>&1
%
for i in 1 2 3; do echo $i; if [ $i -eq 2 ]; then break; fi; done; for i in a b; do continue; echo no; done
%
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); echo n$i; done; until true; do echo no; done; echo $((2 * (3 + 4) % 5))
%
x=1; echo $x ${x} ${y:-none} ${y-none} ${x:+set} ${#x} "${y:=kept}" $y; unset x; echo "<$x>"
%
set -- "a b" c; for w in "$@"; do echo "<$w>"; done; for w in $@; do echo "<$w>"; done; shift; echo $# "$*"
%
sh -c 'echo $0 $1 $#' name 'an arg' more; sh -c 'exit 7'; echo $?
%
cat <<END
$((1 + 1)) $(echo in)
\$kept `echo old`
END
cat <<'END' | tail -1
$kept
  as it is $x
END
%
printf 'echo "$0 $# $2"; exit 5\n' > s.sh; sh s.sh a 'b c'; echo $?; chmod +x s.sh; ./s.sh x y; echo $?
%
set -e; false || true; if false; then echo no; fi; ! true; echo here; false; echo never
%
set -u; echo ${x:-fine}; echo $x; echo never
%
echo * ; touch b a .c; echo *; echo '*' [ab]; ls; ls -A; mkdir -p d/e; echo d/*; ls d*
%
mkdir d; echo 1 > d/f; cp -r d e; mv d g; ls; cat e/f g/f; mv e/f h; ls e; rm -r e g; ls
rmdir g 2>/dev/null; echo $?
%
ln -s f l; readlink l; cat l 2>/dev/null; echo $?; echo hi > f; cat l
[ -L l ] && [ -f l ] && [ ! -d l ] && echo yes
%
test -e nope -o -n x && echo yes; [ a = b ] || echo differ; [ '' ] || echo empty
test 3 -gt 2 -a 2 -ge 2 && echo so
%
printf '%s-%d|\n' a 1 b 2; printf '%5s|%-5s|%%\n' x y; printf 'no line'; printf '%x %o\n' 255 8
%
printf '3\n1\n2\n1\n' | sort -n; printf 'b\na\nb\n' | sort -u; seq 3; seq 5 -2 1
seq 9 | tail -n +8; seq 9 | tail -2
%
printf 'One\ntwo\nthree\n' > f; grep -c o f; grep -i one f; grep -v t f; grep -E '^(t|O)' f
grep -q no f; echo $?
%
head -c 5 /dev/zero | wc -c; printf 'abc' | head -c 2; printf 'abc' | tail -c 2; echo; printf 'a b\n' | wc
%
echo a | while read x; do echo "got $x"; done; printf 'a b c\n' | { read x y; echo "$y"; }; read z < /dev/null; echo $?
%
cd nope 2>/dev/null; echo $?; mkdir d; cd d; pwd | grep -c d; cd ..; basename /a/b.c .c
dirname /a/b.c; cd - > /dev/null
%
yes | head -3; seq 100000 | head -1; (sleep 0 & wait; echo waited)
%
eval 'a=1; echo $a'; . ./nope 2>/dev/null; echo never
%
env A=1 sh -c 'echo $A'; A=2 sh -c 'echo $A'; echo "<$A>"; export B=3; sh -c 'echo $B'; env | grep -c ^B=
%
echo abc | sha256sum; printf x > f; md5sum f; command -v nosuchtool; echo $?; true; : ; echo $?
%
printf 'a\n' | tee f g; cat f g; chmod 600 f; ls -l f | head -c 10; timeout 0.05 sleep 5; echo $?
%
nosuchtool 2> /dev/null; echo $?; ./nope 2>&1 | grep -c found; cd nope 2>&1 | grep -c cd
%
trap '' TERM; nohup echo kept 2>/dev/null; exec echo last; echo never
""".strip("\n").split("\n%\n")
BROKEN = [
    'echo "unclosed',
    "if true; then echo x",
    "echo a; ; echo b",
    "(echo a",
    "for 1 in a; do :; done",
    "echo a |",
    "}",
]


def run(text, stdin=b"", machine=None):
    """The status, the output and the errors."""
    output, errors = bytearray(), bytearray()
    streams = Streams(io.BytesIO(stdin), output.extend, errors.extend)
    shell = Shell(machine or SshMachine(Facts("web-1", memory=2048)), "root", TOOLS, Process(), streams)
    return shell.main(text), bytes(output), bytes(errors)


def empty():
    machine = SshMachine("web-1")
    machine.disk.remove("/root", tree=True)
    machine.disk.make_folder("/root")
    return machine


@pytest.mark.skipif(shutil.which("dash") is None, reason="there is no dash here, which is the judge")
@pytest.mark.parametrize("text", ALIKE)
def test_it_does_what_a_real_shell_does(text, tmp_path):
    real = subprocess.run(["dash", "-c", text], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    status, output, errors = run(text, machine=empty())
    assert (status, output) == (real.returncode, real.stdout)
    assert bool(errors) == bool(real.stderr)


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_command_is_refused_before_anything_runs(text):
    status, output, errors = run(text)
    assert (status, output) == (2, b"")
    assert errors.startswith(b"sh: 1: Syntax error: ")


def test_an_unknown_command_is_not_found():
    assert run("foo --bar") == (127, b"", b"sh: 1: foo: not found\n")
    assert run("/srv/foo") == (127, b"", b"sh: 1: /srv/foo: not found\n")
    assert run("/etc/hostname") == (126, b"", b"sh: 1: /etc/hostname: Permission denied\n")


def test_machines_tell_of_themselves():
    machine = SshMachine(Facts("db-1", 4, 8192, 160, 12.5, "ubuntu-24-04-x64", "127.77.1.2", "10.3.0.2"))
    text = "hostname; uname -sr; nproc; hostname -I; whoami; id -u; grep ^PRETTY /etc/os-release; uptime | grep -c load"
    _, output, _ = run(text, machine=machine)
    said = 'db-1\nLinux 6.8.0-85-generic\n4\n127.77.1.2 10.3.0.2 \nroot\n0\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\n1\n'
    assert output.decode() == said
    _, output, _ = run("df -h /; free -m", machine=machine)
    assert b"155G" in output
    assert b" 8000 " in output
    assert run("git pull; apt-get update; systemctl is-active nginx", machine=machine)[0] == 0
    assert run("systemctl status nothing") == (4, b"", b"systemctl: Unit nothing.service could not be found.\n")


def test_a_script_on_the_input_runs_with_its_words_and_reads_nothing():
    script = b'#!/bin/bash\nset -e\necho "$# $1"\ncat\nexit 6\necho never\n'
    for command in ("sh -c 'anything at all' chanops-script 'a  b' c", "sh -s -- 'a  b' c"):
        assert run(command, script) == (6, b"2 a  b\n", b"")
    assert run("sudo -n -- sh -c \"sh -c x chanops-script 'q r'\"", b"whoami; echo $1") == (0, b"root\nq r\n", b"")
    assert run("sh -c x chanops-script", b"#!/usr/bin/env python3\nprint(1)\n")[0] == 127


def test_nothing_of_this_computer_is_seen_or_touched(tmp_path):
    place = tmp_path / "file"
    place.write_text("mine")
    machine = SshMachine("web-1")
    assert run(f"cat {place}; cat ../../..{place}; ls {tmp_path}", machine=machine)[1] == b""
    run(f"rm -rf / /*; mkdir -p {tmp_path}; echo theirs > {place}; echo x > {tmp_path}/new", machine=machine)
    assert place.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_disk_has_an_end():
    machine = SshMachine("web-1")
    machine.disk.most = 1 << 20
    status, _, errors = run("head -c 2M /dev/zero > big", machine=machine)
    assert (status, errors) == (1, b"head: /dev/zero: No space left on device\n")
    assert run("head -c 600K /dev/zero > a; cp a b", machine=machine)[0] == 1
    assert run("rm a b; head -c 600K /dev/zero > a && wc -c < a", machine=machine)[1] == b"614400\n"
    assert run("for i in $(seq 5000); do echo > f$i; done 2>&1 | tail -1", machine=machine)[1].endswith(b"device\n")


def test_what_calls_itself_ends():
    for text in ("echo '. ./f' > f; . ./f", "echo 'sh f' > f; sh f", "(" * 5000):
        status, _, errors = run(text)
        assert status == 2
        assert b"Cannot fork" in errors


@pytest.mark.parametrize("text", ["sleep 1000", "yes > /dev/null", "while true; do :; done", "tail -f /etc/hostname"])
def test_what_is_endless_ends_with_its_time(text):
    assert run(f"timeout 0.03 {text}" if "while" not in text else f"timeout 0.03 sh -c '{text}'")[0] == 124
