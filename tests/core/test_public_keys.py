"""Public keys as people paste them: what is read, how it is shown, what is refused. ssh-keygen is the judge."""

import base64
import random
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import require_tools

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, pieces, public_key, public_keys
from chanops.core.text import visible

CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}
BROKEN = "^that public key is cut short or mistyped: copy its whole line again$"


def piece(data):
    return len(data).to_bytes(4) + data


def blob_of(*parts):
    return b"".join(map(piece, parts))


def line_of(blob, comment=""):
    """A line whose type is the first piece of its data."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4])].decode("latin-1")
    return f"{kind} {base64.b64encode(blob).decode()} {comment}".rstrip()


def shown(private):
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def rsa_line(bits):
    """A key of that many bits. Nobody holds its private half: making one of those would take long."""
    number = (1 << (bits - 1)) | random.Random(bits).getrandbits(bits - 1) | 1
    return line_of(blob_of(b"ssh-rsa", b"\x01\x00\x01", number.to_bytes(bits // 8 + 1)))


ED25519 = shown(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
POINT = ec.derive_private_key(7, CURVES["nistp256"]).public_key()
POINT = POINT.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
LINES = {
    "ed25519": ED25519,
    "rsa": shown(rsa.generate_private_key(65537, 1024)),
    **{name: shown(ec.derive_private_key(123456789, curve)) for name, curve in CURVES.items()},
    "sk-ed25519": line_of(blob_of(b"sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:")),
    "sk-ecdsa": line_of(blob_of(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:")),
}


@pytest.fixture(scope="module", autouse=True)
def ssh_keygen():
    require_tools("ssh-keygen")


def judged(folder, *lines):
    """The fingerprints that ssh-keygen finds in the lines; it passes over those that hold no key."""
    path = folder / "judged.pub"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8", "surrogateescape")
    found = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, timeout=60).stdout
    return [line.split()[1].decode() for line in found.splitlines()]


@pytest.mark.parametrize("name", LINES)
def test_a_key_of_each_type_is_read_and_shown_as_ssh_keygen_does(name, tmp_path):
    line = f"{LINES[name]} alice@laptop"
    key = public_key(line)
    assert key.line == line
    assert key.type == line.split()[0]
    assert key.blob == base64.b64decode(line.split()[1])
    assert key.comment == "alice@laptop"
    assert judged(tmp_path, line) == [key.fingerprint]


def test_the_fingerprint_of_a_known_key():
    key = public_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl")
    assert key.fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


@pytest.mark.parametrize(
    ("written", "comment"),
    [
        ("", ""),
        ("   ", ""),
        (" alice@laptop\r\n", "alice@laptop"),
        ("\t alice  at home \t", "alice  at home"),
        (" Zoë's key ☂", "Zoë's key ☂"),
        (" a\x1b[31mb\u202ec\x00", "a\\u001b[31mb\\u202ec\\u0000"),
        (" a\u2028b\x85c", "a\\u2028b\\u0085c"),
        (" \ud800", "\\ud800"),
    ],
)
def test_the_comment_is_the_rest_of_the_line_and_safe_to_show(written, comment):
    key = public_key(f" \t{ED25519}{written}")
    assert key.comment == comment
    assert key.line == f"{ED25519} {comment}".rstrip()


def test_blanks_of_any_number_stand_between_type_and_data():
    kind, data = ED25519.split()
    assert public_key(f"{kind} \t {data}").line == ED25519


@pytest.mark.parametrize("name", LINES)
def test_a_key_that_is_cut_anywhere_is_refused(name):
    kind, data = LINES[name].split()
    for length in range(len(data)):
        with pytest.raises(Problem, match=BROKEN):
            public_key(f"{kind} {data[:length]}")


@pytest.mark.parametrize("name", LINES)
def test_data_that_is_cut_or_too_long_or_of_another_type_is_refused(name):
    key = public_key(LINES[name])
    others = [public_key(line) for line in LINES.values() if line != LINES[name]]
    wrong = [key.blob[:length] for length in range(len(key.blob))]
    wrong += [key.blob + b"\0", key.blob + piece(b""), key.blob * 2, *(each.blob for each in others)]
    for blob in wrong:
        with pytest.raises(Problem, match=BROKEN):
            public_key(PublicKey(key.type, blob).line)


@pytest.mark.parametrize(
    "blob",
    [
        blob_of(b"ssh-ed25519", b"k" * 31),
        blob_of(b"ssh-ed25519", b"k" * 33),
        blob_of(b"ssh-rsa", b"", b"\x7f" * 256),
        blob_of(b"ssh-rsa", b"\x03", b""),
        blob_of(b"ssh-rsa", b"\x03", b"\xff" * 256),
        blob_of(b"ssh-rsa", b"\x03", b"\x00\x7f" * 128),
        blob_of(b"ssh-rsa", b"\x00\x03", b"\x7f" * 256),
        blob_of(b"ssh-rsa", b"\x03", b"\x7f" * 2049),
        blob_of(b"ecdsa-sha2-nistp256", b"nistp384", b"\x04" + b"k" * 64),
        blob_of(b"ecdsa-sha2-nistp256", b"nistp256", b"\x02" + b"k" * 32),
        blob_of(b"ecdsa-sha2-nistp256", b"nistp256", b"\x02" + b"k" * 64),
    ],
)
def test_data_that_does_not_fit_its_type_is_refused(blob):
    with pytest.raises(Problem, match=BROKEN):
        public_key(line_of(blob))


@pytest.mark.parametrize(
    "data",
    [
        f"{ED25519.split()[1]}=",
        f"{ED25519.split()[1]}====",
        ED25519.split()[1].replace("A", "-", 1),
        f"{ED25519.split()[1][:-1]}é",
        f"{ED25519.split()[1]}\x00",
        LINES["nistp256"].split()[1].rstrip("="),
        LINES["nistp256"].split()[1].replace("=", "A"),
    ],
)
def test_data_that_is_no_proper_base64_is_refused(data):
    for kind in (ED25519.split()[0], "ecdsa-sha2-nistp256"):
        with pytest.raises(Problem, match=BROKEN):
            public_key(f"{kind} {data}")


def test_bits_behind_the_end_of_the_data_are_refused_as_openssh_does(tmp_path):
    line = LINES["sk-ed25519"]
    assert line.endswith("Do="), "this key was to end in the middle of three bytes"
    for wrong in (f"{line[:-2]}p=", f"{line[:-2]}r="):
        assert base64.b64decode(wrong.split()[1]) == public_key(line).blob
        assert judged(tmp_path, wrong) == []
        with pytest.raises(Problem, match=BROKEN):
            public_key(wrong)


@pytest.mark.parametrize("bits", [512, 768, 1016])
def test_a_weak_rsa_key_is_refused_as_ssh_keygen_does(bits, tmp_path):
    with pytest.raises(Problem, match=f"^an RSA key of {bits} bits is too weak: make one with ssh-keygen -t ed25519$"):
        public_key(rsa_line(bits))
    assert judged(tmp_path, rsa_line(bits)) == []


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096, 16384])
def test_rsa_keys_of_many_sizes_are_read(bits, tmp_path):
    assert judged(tmp_path, rsa_line(bits)) == [public_key(rsa_line(bits)).fingerprint]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "that is no public key: give the line of a .pub file"),
        ("hello", "that is no public key"),
        ("# ssh-key", "that is no public key"),
        (ED25519.split()[1], "that is no public key"),
        ("ssh-ed25519", "cut short or mistyped"),
        ("ssh-ed25519 alice@laptop", "cut short or mistyped"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "cut short or mistyped"),
        (f"{ED25519}\n{ED25519}", "that is more than one public key"),
        (f"{ED25519} \r x", "that is more than one public key"),
        (f"{ED25519} {'x' * 20000}", "that is more than one public key"),
        (f'no-pty,command="rm -r /" {ED25519}', "give only the key, from its type on"),
        (f"web {ED25519}", "give only the key, from its type on"),
        (f"\u00a0{ED25519}", "that is no public key"),
        (f"ssh-dss {ED25519.split()[1]}", "DSA keys are no longer let in: make one with ssh-keygen -t ed25519"),
        ("ssh-rsa-cert-v01@openssh.com AAAA", "that is a certificate: give the public key"),
        ("ssh-ed448 AAAA", "no key of type ssh-ed448 is taken"),
        ("ssh-\x02\u202e" + "x" * 99, r"no key of type ssh-\\u0002\\u202ex+… is taken"),
        ("SSH-ED25519 AAAA", "that is no public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "that is a PRIVATE key, and whoever saw it can use it"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "that is a PRIVATE key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "in another format: ssh-keygen -i -f FILE"),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n", "in another format"),
    ],
)
def test_what_is_no_key_is_told_why_in_one_line(text, why):
    with pytest.raises(Problem, match=why) as caught:
        public_key(text)
    assert str(caught.value).isprintable()


def test_several_lines_are_read_without_comments_and_empty_ones():
    text = f"# of alice\n\n  \t\r\n{ED25519} one\r\n  # two\n\t{LINES['nistp384']} two"
    assert [each.comment for each in public_keys(text)] == ["one", "two"]
    assert public_keys(" \n# none\n") == public_keys("") == []


def test_the_line_that_is_no_key_is_named():
    with pytest.raises(Problem, match=r"^line 3: that public key is cut short"):
        public_keys(f"{ED25519}\n\n{ED25519[:50]}\n{ED25519}")
    with pytest.raises(Problem, match=r"^line 1: that is a PRIVATE key"):
        public_keys("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")


def test_data_in_pieces():
    assert pieces(b"") == []
    assert pieces(b"\0\0\0\2ab\0\0\0\0\0\0\0\1c") == [b"ab", b"", b"c"]
    for cut in (b"\0", b"\0\0\0", b"\0\0\0\1", b"\xff\xff\xff\xff", b"\0\0\0\1a\0"):
        with pytest.raises(Problem):
            pieces(cut)


@st.composite
def nearly_keys(draw):
    """A line with a key, here and there another letter in it."""
    letters = list(draw(st.sampled_from([*LINES.values()])) + draw(st.sampled_from(["", " x", "\n"])))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(letters)))
        letters[place : place + draw(st.integers(0, 3))] = draw(st.text(st.characters(), max_size=3))
    return "".join(letters)


def result(function, text):
    """What it returns, or the Problem that it raises."""
    try:
        return function(text)
    except Problem as problem:
        return problem


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(st.characters()), nearly_keys()))
def test_hostile_text_is_a_safe_key_or_a_problem(text):
    found = result(public_key, text)
    if isinstance(found, PublicKey):
        assert public_key(found.line) == found
        assert visible(found.line) == found.line
        assert found.line.encode().decode() == found.line
    else:
        assert visible(str(found)) == str(found)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(nearly_keys(), st.sampled_from(["", "# x", " \t\r", *LINES.values()]))).map("\n".join))
def test_hostile_lines_are_safe_keys_or_a_problem(text):
    found = result(public_keys, text)
    if isinstance(found, list):
        assert public_keys("\n".join(each.line for each in found)) == found
    else:
        assert visible(str(found)) == str(found)


def test_what_is_taken_ssh_keygen_takes_too(tmp_path):
    chance = random.Random(1)
    lines = []
    for _ in range(2000):
        # Not the curves': that a point is off its curve is for OpenSSH to see.
        blob = bytearray(public_key(LINES[chance.choice(["ed25519", "rsa", "sk-ed25519"])]).blob)
        for _ in range(chance.choice([1, 2])):
            blob[chance.randrange(len(blob))] = chance.randrange(256)
        lines.append(line_of(bytes(blob)))
    taken = []
    for line in lines:
        try:
            taken.append(public_key(line))
        except Problem:
            continue
    assert 500 < len(taken) < 1900
    assert judged(tmp_path, *(key.line for key in taken)) == [key.fingerprint for key in taken]
