"""User data for cloud-init: a machine's host key is given to it, so that it is known before it first answers.

https://docs.cloud-init.io/en/latest/explanation/format.html has the formats, and its module `ssh` the keys.
"""

import re
from email import message_from_string, policy
from email.message import EmailMessage

from chanops.core.public_keys import PublicKey

MOST = 65536  # bytes; what DigitalOcean takes
# How a script begins, and what cloud-init calls it then; the first that fits.
KINDS = (
    ("#!", "x-shellscript"),
    ("#cloud-boothook", "cloud-boothook"),
    ("#include-once", "x-include-once-url"),
    ("#include", "x-include-url"),
    ("## template:", "jinja2"),
    ("#cloud-config-archive", "cloud-config-archive"),
    ("#cloud-config-jsonp", "cloud-config-jsonp"),
    ("#cloud-config", "cloud-config"),
)
KEYS_OF_ITS_OWN = re.compile(r"""ssh_(?:delete)?keys["']?\s*:""")
OURS = "chanops-host-key"


def with_host_key(script: str, private: str, public: PublicKey) -> str | None:
    """The script together with a host key, which is an ed25519 key in OpenSSH's format.

    None where both do not go together: the script brings host keys of its own, or there is no room.
    """
    config = host_key_config(private, public)
    if KEYS_OF_ITS_OWN.search(script):
        return None
    if not script.strip():
        return config
    parts = EmailMessage(policy.default.clone(max_line_length=None, linesep="\n"))
    parts.make_mixed()
    parts["MIME-Version"] = "1.0"  # without it cloud-init takes it for text
    add(parts, config, "cloud-config", OURS)
    if script.startswith(("Content-Type:", "MIME-Version:")):
        theirs = message_from_string(script, policy=policy.default)
        for each in theirs.iter_parts() if theirs.is_multipart() else [theirs]:
            decoded = each.get_payload(decode=True)
            if isinstance(decoded, bytes) and KEYS_OF_ITS_OWN.search(decoded.decode("utf-8", "replace")):
                return None
            parts.attach(each)  # type: ignore[arg-type]
    else:
        kind = next((name for begin, name in KINDS if script.startswith(begin)), "")
        if not kind:
            return None
        add(parts, script, kind, "script")
    found = parts.as_string()
    return found if len(found.encode()) <= MOST else None


def host_key_config(private: str, public: PublicKey) -> str:
    """The cloud-config that gives a machine its host key, and no others."""
    lines = "".join(f"    {line}\n" for line in private.strip().splitlines())
    return f"#cloud-config\nssh_keys:\n  ed25519_private: |\n{lines}  ed25519_public: {public.line}\n"


def add(parts: EmailMessage, text: str, kind: str, name: str) -> None:
    """One part more."""
    part = EmailMessage()
    part.set_content(text, subtype=kind, charset="utf-8", cte="8bit" if text.isascii() else "base64", filename=name)
    del part["MIME-Version"]
    parts.attach(part)
