"""User data that gives a machine its host key, together with a script of any kind."""

import base64
import email
from email import policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.core.cloud_init import MOST, with_host_key
from chanops.core.public_keys import PublicKey
from chanops.simulator.ssh_user_data import host_key

BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
PUBLIC = PublicKey("ssh-ed25519", BLOB)
PRIVATE = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + "".join(f"{base64.b64encode(bytes([each] * 51)).decode()}\n" for each in range(5))
    + "AAA=\n-----END OPENSSH PRIVATE KEY-----\n"
)
CONFIG = "#cloud-config\nssh_keys:\n  ed25519_private: |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n"


def made(script):
    return with_host_key(script, PRIVATE, PUBLIC)


def parts(text):
    """The parts as cloud-init sees them: (kind, content)."""
    message = email.message_from_string(text)
    assert message.is_multipart()
    return [
        (each.get_content_type(), each.get_payload(decode=True)) for each in message.walk() if not each.is_multipart()
    ]


@pytest.mark.parametrize("script", ["#!/bin/sh\n", "#cloud-config\n{}\n", "#!/bin/sh\n# ü\n", "MIXED"])
def test_cloud_init_takes_it_for_mime(script):
    """It does so where this word stands among the first 4096 bytes, and else it does nothing with all of it."""
    text = made(MIXED if script == "MIXED" else script)
    assert b"mime-version:" in text.encode()[:4096].lower()
    assert email.message_from_string(text)["MIME-Version"] == "1.0"


@pytest.mark.parametrize("script", ["", "\n", "  \n\n"])
def test_without_a_script_it_is_a_cloud_config(script):
    text = made(script)
    assert text.startswith(CONFIG)
    assert text.endswith(f"\n  ed25519_public: {PUBLIC.line}\n")
    assert host_key(text) == PRIVATE


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("#!/bin/sh\necho hi\n", "text/x-shellscript"),
        ("#!/usr/bin/env python3\nprint('é')\n", "text/x-shellscript"),
        ("#cloud-config\npackages: [nginx]\n", "text/cloud-config"),
        ("#cloud-config \npackages: [nginx]\n", "text/cloud-config"),
        ("#cloud-boothook\n#!/bin/sh\ntrue\n", "text/cloud-boothook"),
        ("#include\nhttps://example.org/x\n", "text/x-include-url"),
        ("## template: jinja\n#cloud-config\n{}\n", "text/jinja2"),
    ],
)
def test_each_kind_of_script_is_a_part_of_its_kind_beside_ours(script, kind):
    ours, theirs = parts(made(script))
    assert ours[0] == "text/cloud-config"
    assert host_key(ours[1].decode()) == PRIVATE
    assert theirs == (kind, script.encode())
    assert host_key(made(script)) == PRIVATE


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("#cloud-config-archive\n- '#cloud-config'\n", "text/cloud-config-archive"),
        ("#cloud-config-jsonp\n[]\n", "text/cloud-config-jsonp"),
        ("#include-once\nhttps://example.org/x\n", "text/x-include-once-url"),
    ],
)
def test_kinds_whose_names_begin_like_another_are_not_taken_for_it(script, kind):
    """Where it is not known what to do with it, nothing is done with it."""
    text = made(script)
    assert text is None or parts(text)[1] == (kind, script.encode())


@pytest.mark.parametrize("script", ["echo hi\n", "# a comment\n", "\x1f\x8b gzip", " #!/bin/sh\n"])
def test_what_is_no_script_that_we_know_is_left_alone(script):
    assert made(script) is None


@pytest.mark.parametrize(
    "script",
    [
        "#cloud-config\nssh_keys:\n  rsa_private: |\n    x\n",
        "#cloud-config\nssh_deletekeys: false\n",
        "#cloud-config\n{ssh_keys: {rsa_private: x}}\n",
        '#cloud-config\n{"ssh_keys": {"rsa_private": "x"}}\n',
        "#cloud-config\nssh_keys :\n  rsa_private: x\n",
    ],
)
def test_a_script_with_keys_of_its_own_is_left_alone(script):
    assert made(script) is None


MIXED = """\
Content-Type: multipart/mixed; boundary="=="
MIME-Version: 1.0

--==
Content-Type: text/cloud-config; charset="us-ascii"
Content-Disposition: attachment; filename="config.txt"

#cloud-config
runcmd: [true]

--==
Content-Type: text/x-shellscript; charset="utf-8"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a.sh"

IyEvYmluL3NoCmVjaG8gw7wK

--==--
"""


def test_the_parts_of_a_mime_script_are_kept():
    first, second, third = parts(made(MIXED))
    assert host_key(first[1].decode()) == PRIVATE
    assert second[0] == "text/cloud-config"
    assert second[1].rstrip(b"\n") == b"#cloud-config\nruncmd: [true]"
    assert third == ("text/x-shellscript", "#!/bin/sh\necho ü\n".encode())
    names = [each.get_filename() for each in email.message_from_string(made(MIXED)).get_payload()]
    assert names[1:] == ["config.txt", "a.sh"]


def test_a_mime_script_with_one_part_is_kept():
    script = "MIME-Version: 1.0\nContent-Type: text/x-shellscript\n\n#!/bin/sh\ntrue\n"
    assert parts(made(script))[1] == ("text/x-shellscript", b"#!/bin/sh\ntrue\n")


def test_a_mime_script_with_keys_of_its_own_in_base64_is_left_alone():
    config = base64.b64encode(b"#cloud-config\nssh_keys:\n  rsa_private: x\n").decode()
    script = f"MIME-Version: 1.0\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n{config}\n"
    assert made(script) is None


@pytest.mark.parametrize(
    "script",
    [
        "Content-Type: multipart/mixed\n\nno boundary",
        "Content-Type: nonsense;;;\n\nx",
        "MIME-Version: 1.0\n\n",
        "Content-Type: text/plain; charset=no-such\n\nü",
    ],
)
def test_a_broken_mime_script_does_no_harm(script):
    text = made(script)
    assert text is None or host_key(text) == PRIVATE


def test_what_would_be_too_long_is_left_alone():
    room = MOST - len(made("#!/bin/sh\nx").encode()) + 1
    fits = made("#!/bin/sh\n" + "x" * room)
    assert len(fits.encode()) == MOST
    assert made("#!/bin/sh\n" + "x" * (room + 1)) is None


def test_bytes_are_counted_and_not_letters():
    script = "#!/bin/sh\n# " + "ü" * 30000
    assert made(script) is None  # as base64 it would have 80,000


def ended(script):
    """With an end of its last line, which does no harm. Files of text are read without CR."""
    return (script if script.endswith("\n") else f"{script}\n").encode()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=300))
def test_a_script_arrives_byte_for_byte(body):
    script = f"#!/bin/sh\n{body}"
    text = made(script)
    if "ssh_keys" in body or "ssh_deletekeys" in body:
        return
    assert parts(text)[1] == ("text/x-shellscript", ended(script))
    assert host_key(text) == PRIVATE


@given(
    st.lists(st.sampled_from(["--", "==", "\n", "From ", ".", "MIME-Version: 1.0\n", "=20", "x" * 1200]), max_size=8)
)
def test_what_looks_like_mime_itself_arrives_byte_for_byte(pieces):
    script = "#!/bin/sh\n" + "".join(pieces)
    assert parts(made(script))[1][1] == ended(script)


def test_another_reader_of_mime_sees_the_same():
    message = email.message_from_string(made(MIXED), policy=policy.default)
    assert [each.get_content_type() for each in message.iter_parts()] == [
        "text/cloud-config",
        "text/cloud-config",
        "text/x-shellscript",
    ]
    assert not message.defects
