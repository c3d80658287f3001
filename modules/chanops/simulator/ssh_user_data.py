"""What cloud-init takes from a droplet's user data at its first boot: the host key, of all that it could."""

import json
import re
from email import message_from_string
from email.message import Message

_KIND = "text/cloud-config"
_MARK = "#cloud-config"
_BELOW = r"((?:[ \t]+.*\n?|[ \t]*\n|#.*\n?)*)"
_SECTION = re.compile(r"""^(?:\{[ \t]*)?["']?ssh_keys["']?[ \t]*:(.*)\n?""" + _BELOW, re.MULTILINE)
_KEY = re.compile(r"""(^|[{,])([ \t]*)["']?ed25519_private["']?[ \t]*:[ \t]*""", re.MULTILINE)
_BLOCK = re.compile(r"[|>][-+0-9]{0,2}[ \t]*(#.*)?")


def host_key(user_data: str) -> str:
    """The private Ed25519 key that is the machine's, in OpenSSH's format; empty when none is given."""
    return next(filter(None, map(_given, _configs(user_data))), "")


def _configs(user_data: str) -> list[str]:
    """Every #cloud-config in it."""
    text = user_data.replace("\r\n", "\n").lstrip("\n")
    if text.startswith(("Content-Type:", "MIME-Version:")):
        found = [each for each in message_from_string(text).walk() if not each.is_multipart()]
        texts = [(each.get_content_type(), _text(each)) for each in found]
        return [text for kind, text in texts if kind == _KIND or text.lstrip().startswith(_MARK)]
    first, _, rest = text.partition("\n")
    if first.startswith("## template:"):
        text, first = rest, rest.partition("\n")[0]
    return [text] if first.strip() == _MARK else []


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode(errors="replace").replace("\r\n", "\n") if isinstance(content, bytes) else ""


def _given(config: str) -> str:
    """The key in one #cloud-config: YAML, of which this knows what people write there."""
    section = _SECTION.search(config)
    if section is None:
        return ""
    inner = f"{section[1].strip()}\n{section[2]}"
    key = _KEY.search(inner)
    if key is None:
        return ""
    first, _, rest = inner[key.end() :].partition("\n")
    if _BLOCK.fullmatch(first.strip()):
        return _block(rest.split("\n"), len(key[2]))
    value = inner[key.end() :]
    if value.startswith('"'):
        try:
            text, _ = json.JSONDecoder(strict=False).raw_decode(value)
        except ValueError:
            return ""
        return _whole(str(text))
    return _whole(value[1:].partition("'")[0] if value.startswith("'") else first)


def _block(lines: list[str], outer: int) -> str:
    """The lines of a block that are further in than its name, without what they are further in."""
    found: list[str] = []
    depth = 0
    for line in lines:
        inside = len(line) - len(line.lstrip(" "))
        if not line.strip():
            found.append("")
        elif inside <= outer or (depth and inside < depth):
            break
        else:
            depth = depth or inside
            found.append(line[depth:].rstrip())
    return _whole("\n".join(found))


def _whole(text: str) -> str:
    text = text.strip()
    return f"{text}\n" if text.startswith("-----BEGIN OPENSSH PRIVATE KEY-----") else ""
