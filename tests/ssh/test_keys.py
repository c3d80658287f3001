"""The keys to log in with: files in all their formats, a real ssh-agent; what is wrong with one is told in one line."""

import base64
import os
import shutil
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import require_tools

from chanops.core.errors import Problem
from chanops.core.public_keys import public_key
from chanops.ssh.keys import AgentKey, identities, new_host_key

SECRET = "correct horse é"
PEM, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with key files; each has its public half beside it."""
    require_tools("ssh-keygen", "ssh-agent", "ssh-add")
    folder = tmp_path_factory.mktemp("keys")
    kinds = {"ed25519": [], "rsa": ["-b", "2048"], "ecdsa256": ["-b", "256"], "ecdsa521": ["-b", "521"]}
    for name, options in kinds.items():
        make(folder / name, "-t", name.rstrip("0123456789") if name != "ed25519" else name, *options)
        key = load_ssh_private_key((folder / name).read_bytes(), None)
        if name != "ed25519":
            keep(folder / f"{name}-pem", key.private_bytes(Encoding.PEM, PEM, NoEncryption()))
            keep(folder / f"{name}-pem-locked", key.private_bytes(Encoding.PEM, PEM, locked_with(SECRET)))
        keep(folder / f"{name}-pkcs8", key.private_bytes(Encoding.PEM, PKCS8, NoEncryption()))
        keep(folder / f"{name}-pkcs8-locked", key.private_bytes(Encoding.PEM, PKCS8, locked_with(SECRET)))
        for form in ("pem", "pem-locked", "pkcs8", "pkcs8-locked"):
            shutil.copy(folder / f"{name}.pub", folder / f"{name}-{form}.pub")
    for cipher in ("aes256-ctr", "aes256-cbc", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"):
        make(folder / cipher.partition("@")[0], "-t", "ed25519", "-Z", cipher, secret=SECRET)
    return folder


def locked_with(secret):
    return BestAvailableEncryption(secret.encode())


def make(path, *options, secret=""):
    """Have ssh-keygen make a key; -a 1 since a slow passphrase only makes the tests slow."""
    command = ["ssh-keygen", "-q", "-a", "1", "-N", secret, "-C", path.name, *options, "-f", path]
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
    return path


def keep(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def half(path):
    """The public half of a key file."""
    return public_key(path.with_name(f"{path.name}.pub").read_text())


def blobs(found):
    return [each.asbytes() for each in found.signers()]


def problem_of(path, passphrase="", agent=False):
    with pytest.raises(Problem) as caught:
        identities(path, passphrase, agent)
    assert str(caught.value).isprintable()
    assert SECRET not in str(caught.value)
    return str(caught.value)


def signs(signer, public, algorithm=None):
    """Whether what it signs is signed by that key."""
    signature = signer.sign_ssh_data(b"the data", algorithm)
    signature = paramiko.Message(signature if isinstance(signature, bytes) else signature.asbytes())
    return paramiko.PKey.from_type_string(public.type, public.blob).verify_ssh_sig(b"the data", signature)


FORMATS = [
    *("ed25519", "rsa", "ecdsa256", "ecdsa521"),
    *("rsa-pem", "ecdsa256-pem", "ecdsa521-pem"),
    *("ed25519-pkcs8", "rsa-pkcs8", "ecdsa256-pkcs8", "ecdsa521-pkcs8"),
]
LOCKED = [
    *("aes256-ctr", "aes256-cbc", "aes256-gcm"),
    *("rsa-pem-locked", "ecdsa256-pem-locked", "rsa-pkcs8-locked", "ed25519-pkcs8-locked", "ecdsa521-pkcs8-locked"),
]


@pytest.mark.parametrize("name", FORMATS)
def test_a_key_file_of_each_format_is_read(name, files):
    (signer,) = identities(files / name, "", False).signers()
    assert signer.asbytes() == half(files / name).blob
    assert signer.get_name() == half(files / name).type
    assert signs(signer, half(files / name))


@pytest.mark.parametrize("name", LOCKED)
def test_a_locked_key_file_of_each_format_is_opened_by_its_passphrase(name, files):
    (signer,) = identities(files / name, SECRET, False).signers()
    assert signer.asbytes() == half(files / name).blob
    assert signs(signer, half(files / name))
    assert problem_of(files / name, SECRET.upper()) == (
        f"[ssh] key_passphrase does not open {files / name}: try it with ssh-keygen -y -f {files / name}"
    )
    assert problem_of(files / name) == (
        f"{files / name} is encrypted: an admin gives [ssh] key_passphrase, or agent = yes and ssh-add {files / name}"
    )


def test_a_passphrase_for_a_key_that_needs_none_does_no_harm(files):
    for name in ("ed25519", "ecdsa256-pem", "ecdsa256-pkcs8"):
        assert blobs(identities(files / name, SECRET, False)) == [half(files / name).blob]


def test_a_key_is_read_once(files, tmp_path):
    path = tmp_path / "key"
    shutil.copy(files / "ecdsa256", path)
    found = identities(path, "", False)
    path.unlink()
    assert found.signers()[0] is found.signers()[0]
    found.signers().clear()
    assert blobs(found) == [half(files / "ecdsa256").blob]


def test_windows_line_ends_and_words_before_the_key_do_no_harm(files, tmp_path):
    for name in ("ed25519", "ecdsa256-pem", "ecdsa256-pkcs8"):
        data = (files / name).read_bytes()
        for changed in (data.replace(b"\n", b"\r\n"), b"of the bot\n\n" + data):
            assert blobs(identities(keep(tmp_path / "key", changed), "", False)) == [half(files / name).blob]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o666])
def test_a_private_key_that_others_may_read_is_refused(mode, files, tmp_path):
    for name in ("ed25519", "ecdsa256-pem-locked"):
        path = tmp_path / name
        shutil.copy(files / name, path)
        path.chmod(mode)
        assert problem_of(path, SECRET) == f"{path}: others may read the private key: chmod 600 {path}"
        path.chmod(0o400)
        assert identities(path, SECRET, False).signers()


def piece(data):
    return len(data).to_bytes(4) + data


def openssh_file(*parts, cipher=b"none"):
    """A private key file of OpenSSH's, with that public half."""
    data = b"openssh-key-v1\0" + piece(cipher) + piece(b"none") + piece(b"") + b"\0\0\0\1"
    data += piece(b"".join(map(piece, parts))) + piece(b"")
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.encodebytes(data) + b"-----END OPENSSH PRIVATE KEY-----\n"


# An ed25519 key of 31 bytes.
SHORT = bytes.fromhex("302d020100300506032b65700421041f") + b"k" * 31


def pkcs8(key):
    return key.private_bytes(Encoding.PEM, PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "holds no key that can log in: ssh-keygen -t ed25519 makes one that does"),
        (b"\xff\x00 hello", "holds no key that can log in"),
        (b"ssh-ed25519 AAAA", "holds no key that can log in"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "is written as PuTTY does: puttygen"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "is cut short or broken: copy it again"),
        (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "is cut short or broken"),
        (openssh_file(b"ssh-ed25519", b"k" * 32), "is cut short or broken"),
        (b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(SHORT) + b"-----END PRIVATE KEY-----\n", "is cut short"),
        (openssh_file(b"ssh-dss", b"k"), "is a key of type ssh-dss, which no host takes: ssh-keygen -t ed25519"),
        (openssh_file(b"ssh-dss", b"k", cipher=b"aes256-ctr"), "is a key of type ssh-dss, which no host takes"),
        (openssh_file(b"sk-ssh-ed25519@openssh.com", b"k"), "works only with a token that somebody touches"),
        (openssh_file(b"ecdsa-sha2-nistp256", b"nistp256", b"\2" + b"k" * 32), "is cut short or broken"),
        (openssh_file(b"\n\x1b[31m", b"k"), "is cut short or broken"),
        (pkcs8(ed448.Ed448PrivateKey.generate()), "is a key of type Ed448, which no host takes"),
        (pkcs8(ec.derive_private_key(9, ec.SECP256K1())), "is a key of type secp256k1, which no host takes"),
    ],
)
def test_what_is_no_key_to_log_in_with_is_told(data, why, tmp_path):
    assert problem_of(keep(tmp_path / "key", data), SECRET).startswith(f"{tmp_path / 'key'} {why}")


def test_a_cipher_that_only_openssh_knows_is_told(files):
    path = files / "chacha20-poly1305"
    assert problem_of(path, SECRET) == (
        f"{path} is written in a way that only OpenSSH can read: ssh-keygen -p -Z aes256-ctr -f {path}"
    )
    assert "is encrypted: an admin gives" in problem_of(path)


def test_a_weak_rsa_key_is_refused(tmp_path):
    require_tools("openssl")
    path = tmp_path / "key"
    subprocess.run(["openssl", "genrsa", "-out", path, "512"], check=True, capture_output=True, timeout=60)
    assert problem_of(path) == f"{path}: an RSA key of 512 bits is too weak: make one with ssh-keygen -t ed25519"


def test_a_missing_key_file_and_what_cannot_be_read_are_told(tmp_path):
    path = tmp_path / "none"
    assert problem_of(path) == f"there is no key file {path}: ssh-keygen -t ed25519 -f {path} makes one"
    assert problem_of(tmp_path) == f"cannot read the key file {tmp_path}: Is a directory"


def test_a_public_key_file_without_an_agent_is_told(files):
    path = files / "ed25519.pub"
    assert problem_of(path) == f"{path} is a public key: give [ssh] key_file its private one, or agent = yes"


def test_nothing_at_all_is_told(monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/none")
    assert problem_of(None) == "no key to log in with: an admin gives [ssh] key_file or agent = yes"


class Agent:
    """A real ssh-agent."""

    def __init__(self, place):
        self.place = place
        self.process = None

    def start(self):
        self.place.unlink(missing_ok=True)
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", self.place], stdout=subprocess.PIPE)
        assert b"SSH_AUTH_SOCK" in self.process.stdout.readline()

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=30)

    def add(self, *words):
        """What ssh-add does with these words."""
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.place)}
        subprocess.run(["ssh-add", "-q", *words], check=True, capture_output=True, timeout=60, env=environment)


@pytest.fixture(scope="module")
def shared_agent(files):
    agent = Agent(files / "agent")
    agent.start()
    yield agent
    agent.stop()


@pytest.fixture
def agent(shared_agent, monkeypatch):
    """An agent that holds nothing."""
    shared_agent.add("-D")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(shared_agent.place))
    return shared_agent


@pytest.fixture(scope="session")
def seven(files):
    return [make(files / f"of-seven-{number}", "-t", "ed25519") for number in range(7)]


@pytest.mark.parametrize("name", ["ed25519", "rsa", "ecdsa256", "ecdsa521"])
def test_the_agent_signs_with_a_key_of_each_type(name, agent, files):
    agent.add(files / name)
    (signer,) = identities(None, "", True).signers()
    assert signer.get_name() == half(files / name).type
    assert signer.asbytes() == half(files / name).blob
    for algorithm in ("rsa-sha2-512", "rsa-sha2-256", None) if name == "rsa" else (half(files / name).type, None):
        assert signs(signer, half(files / name), algorithm)


def test_an_rsa_signature_of_the_agent_is_of_the_kind_that_was_asked_for(agent, files):
    agent.add(files / "rsa")
    (signer,) = identities(None, "", True).signers()
    for algorithm in ("rsa-sha2-512", "rsa-sha2-256"):
        assert paramiko.Message(signer.sign_ssh_data(b"x", algorithm)).get_text() == algorithm
    assert paramiko.Message(signer.sign_ssh_data(b"x")).get_text() == "rsa-sha2-512"


def test_five_keys_of_the_agent_are_offered(agent, seven):
    agent.add(*seven)
    assert blobs(identities(None, "", True)) == [half(path).blob for path in seven[:5]]


def test_a_key_file_comes_before_the_keys_of_the_agent(agent, files, seven):
    agent.add(*seven)
    found = identities(files / "rsa-pem-locked", SECRET, True)
    assert blobs(found) == [half(path).blob for path in (files / "rsa", *seven[:5])]
    assert not isinstance(found.signers()[0], AgentKey)


def test_a_key_file_whose_key_the_agent_holds_is_the_only_one_offered(agent, seven):
    agent.add(*seven)
    assert blobs(identities(seven[6], "", True)) == [half(seven[6]).blob]


def test_a_public_key_file_names_one_of_the_agents_keys(agent, seven, tmp_path):
    agent.add(*seven)
    public = seven[6].with_name(f"{seven[6].name}.pub")
    (tmp_path / "gone.pub").write_text(public.read_text())
    (tmp_path / "gone.pub").chmod(0o644)
    for path in (public, tmp_path / "gone.pub", tmp_path / "gone"):
        (signer,) = identities(path, "", True).signers()
        assert isinstance(signer, AgentKey)
        assert signs(signer, half(seven[6]))
    assert problem_of(tmp_path / "gone").startswith(f"there is no key file {tmp_path / 'gone'}: ")


def test_a_public_key_that_the_agent_does_not_hold_is_told(agent, files, seven):
    agent.add(*seven)
    path = files / "ed25519.pub"
    assert problem_of(path, agent=True) == f"the SSH agent does not hold the key of {path}: ssh-add its private file"


@pytest.mark.parametrize(
    ("name", "held"), [("own", "ed25519"), ("ecdsa256-pem-locked", "ecdsa256"), ("ecdsa256-pkcs8-locked", "ecdsa256")]
)
def test_a_locked_key_file_without_a_passphrase_names_one_of_the_agents_keys(name, held, agent, files, seven, tmp_path):
    path = tmp_path / name
    shutil.copy(files / (held if name == "own" else name), path)
    if name == "own":
        command = ["ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", SECRET, "-f", path]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    else:
        assert f"no {name}.pub beside it" in problem_of(path, agent=True)
        (tmp_path / f"{name}.pub").write_text((files / f"{name}.pub").read_text())
    agent.add(*seven)
    assert problem_of(path, agent=True) == f"{path} is encrypted, and the SSH agent does not hold it: ssh-add {path}"
    agent.add(files / held)
    (signer,) = identities(path, "", True).signers()
    assert isinstance(signer, AgentKey)
    assert signs(signer, half(files / held))
    (signer,) = identities(path, SECRET, True).signers()
    assert not isinstance(signer, AgentKey)


def test_certificates_and_keys_that_want_a_touch_are_not_offered(agent, files, seven):
    command = ["ssh-keygen", "-q", "-s", files / "ed25519", "-I", "bot", "-n", "root", f"{seven[0]}.pub"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    agent.add(seven[0])
    listed = subprocess.run(["ssh-add", "-l"], capture_output=True, text=True, timeout=60).stdout
    (files / f"{seven[0].name}-cert.pub").unlink()
    assert "ED25519-CERT" in listed
    assert blobs(identities(None, "", True)) == [half(seven[0]).blob]


def test_an_agent_without_keys_is_told(agent, files):
    assert problem_of(None, agent=True) == (
        "the SSH agent holds no key to log in with: ssh-add FILE, or give [ssh] key_file"
    )
    assert blobs(identities(files / "ed25519", "", True)) == [half(files / "ed25519").blob]


@pytest.mark.parametrize("place", [None, ""])
def test_no_agent_at_all_is_told(place, files, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    if place is not None:
        monkeypatch.setenv("SSH_AUTH_SOCK", place)
    for path in (None, files / "ed25519"):
        assert problem_of(path, agent=True) == (
            "[ssh] agent = yes, but SSH_AUTH_SOCK is not set: start chanops where an SSH agent runs"
        )


def test_an_agent_that_is_gone_is_told(tmp_path, monkeypatch):
    for place, why in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path / ("x" * 99), "AF_UNIX path too long"),
    ):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        assert problem_of(None, agent=True) == (
            f"the SSH agent at {place} does not answer ({why}): start it, or set [ssh] agent = no"
        )


@pytest.fixture
def false_agent(tmp_path, monkeypatch):
    """Call it with what an agent shall answer to everything."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "false"))
        server.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "false"))
        answers = []

        def serve():
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(answers[-1])

        thread = threading.Thread(target=serve)
        thread.start()
        yield answers.append
        server.shutdown(socket.SHUT_RDWR)
        thread.join(30)


def test_what_is_no_agent_is_told(false_agent):
    blob = piece(half_of_nobody().blob)
    for answer, why in [
        (b"", "it closed the connection"),
        (b"\0\0", "it closed the connection"),
        (b"\0\0\0\0", "it closed the connection"),
        (b"\0\0\0\5\x0c", "it closed the connection"),
        (b"\xff\xff\xff\xff" + b"x" * 9, "it closed the connection"),
        (piece(b"\x05"), "it refuses to list its keys"),
        (piece(b"\x0c\0\0\0\1" + blob[:-1]), "that public key is cut short"),
    ]:
        false_agent(answer)
        assert f"does not answer ({why}" in problem_of(None, agent=True)


def test_keys_of_the_agent_that_nobody_can_use_are_passed_over(false_agent):
    good = half_of_nobody()
    off_curve = piece(b"ecdsa-sha2-nistp256") + piece(b"nistp256") + piece(b"\4" + b"k" * 64)
    token = piece(b"sk-ssh-ed25519@openssh.com") + piece(b"k" * 32) + piece(b"ssh:")
    listed = [b"", b"\xff", piece(b"ssh-ed25519"), piece(b"ssh-dss") + piece(b"k"), off_curve, token, good.blob]
    false_agent(piece(b"\x0c\xff\xff\xff\xff" + b"".join(piece(each) + piece(b"\xff\n") for each in listed)))
    (signer,) = identities(None, "", True).signers()
    assert signer.asbytes() == good.blob
    for answer in (b"", piece(b"\x05"), piece(b"\x0e"), piece(b"\x0e\0\0\0\5x")):
        false_agent(answer)
        with pytest.raises(paramiko.SSHException, match="the SSH agent "):
            signer.sign_ssh_data(b"x")


def half_of_nobody():
    return new_host_key()[1]


def test_many_connections_have_the_agent_sign_at_once(agent, files):
    agent.add(files / "ed25519", files / "ecdsa256")
    signers = identities(None, "", True).signers()
    public = [half(files / "ed25519"), half(files / "ecdsa256")]
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda number: signs(signers[number % 2], public[number % 2]), range(64)))


def test_a_key_that_the_agent_lost_does_not_sign_and_signs_again_when_it_is_back(files, monkeypatch, tmp_path):
    agent = Agent(tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.place))
    agent.start()
    try:
        agent.add(files / "ed25519")
        (signer,) = identities(None, "", True).signers()
        agent.add("-D")
        with pytest.raises(paramiko.SSHException, match="the SSH agent refuses to sign"):
            signer.sign_ssh_data(b"x")
        agent.stop()
        with pytest.raises(paramiko.SSHException, match="the SSH agent does not sign: "):
            signer.sign_ssh_data(b"x")
        agent.start()
        agent.add(files / "ed25519")
        assert signs(signer, half(files / "ed25519"))
    finally:
        agent.stop()


def test_a_new_host_key_is_one_to_ssh_keygen(tmp_path):
    private, public = new_host_key()
    path = keep(tmp_path / "key", private.encode())
    shown = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, timeout=60).stdout
    assert public_key(shown) == public
    assert public.type == "ssh-ed25519"
    assert blobs(identities(path, "", False)) == [public.blob]
    assert new_host_key()[1] != public


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        ["ed25519", "ecdsa256", "ecdsa256-pem", "ecdsa256-pem-locked", "ed25519-pkcs8", "ed25519.pub"]
    ),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 2000),
    inside=st.booleans(),
)
def test_a_damaged_file_is_a_key_or_a_problem(name, changes, length, inside, files, tmp_path):
    lines = (files / name).read_bytes().splitlines(keepends=True)
    inside = inside and "-----" in str(lines[0]) and b":" not in b"".join(lines)
    data = bytearray(base64.b64decode(b"".join(lines[1:-1])) if inside else b"".join(lines))
    for place, value in changes:
        data[place % len(data)] = value
    data = data[: length or None]
    path = keep(tmp_path / "key", lines[0] + base64.encodebytes(data) + lines[-1] if inside else data)
    try:
        signers = identities(path, SECRET, False).signers()
    except Problem as problem:
        signers, said = [], str(problem)
        path.unlink()
    assert signers or (said.isprintable() and str(path) in said)
