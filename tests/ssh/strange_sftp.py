"""A real sftp-server, but what goes to and from it is changed: started by sshd, with the folder of the file `how`."""

import os
import select
import struct
import subprocess
import sys

SERVER = "/usr/lib/openssh/sftp-server"
READ, VERSION, STATUS, DATA = 5, 2, 101, 103
RED = b"\x1b[31mred\r\n\x00\xff\xe2\x80\xae" * 100


def packets(held: bytearray) -> list[bytes]:
    found = []
    while len(held) >= 4 and len(held) >= (end := 4 + struct.unpack_from(">I", held)[0]):
        found.append(bytes(held[4:end]))
        del held[:end]
    return found


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


class Strange:
    """What is strange is the name of a method, or of two."""

    def __init__(self, how: str) -> None:
        self.asked = getattr(self, f"{how}_asked", lambda body: body)
        self.answered = getattr(self, f"{how}_answered", lambda body: body)

    def plain_answered(self, body: bytes) -> bytes:
        return body[:5] if body[0] == VERSION else body

    def flip_answered(self, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 1]) if body[0] == DATA else body

    def short_asked(self, body: bytes) -> bytes:
        return body[:-4] + struct.pack(">I", min(9000, *struct.unpack(">I", body[-4:]))) if body[0] == READ else body

    def bigger_answered(self, body: bytes) -> bytes:
        return body[:5] + struct.pack(">I", 40000) + bytes(40000) if body[0] == DATA else body

    def empty_answered(self, body: bytes) -> bytes:
        return body[:5] + struct.pack(">I", 0) if body[0] == DATA else body

    def stranger_answered(self, body: bytes) -> bytes:
        return body[:1] + struct.pack(">I", 77777) + body[5:] if body[0] == DATA else body

    def cut_answered(self, body: bytes) -> bytes:
        return body[:7] if body[0] not in (VERSION, STATUS) else body

    def huge_answered(self, body: bytes) -> bytes:
        if body[0] == DATA:
            os.write(1, b"\x7f\xff\xff\xff")
        return body

    def red_answered(self, body: bytes) -> bytes:
        if body[0] == DATA:
            return body[:5].replace(bytes([DATA]), bytes([STATUS]), 1) + struct.pack(">II", 4, len(RED)) + RED
        return body

    def silent_answered(self, body: bytes) -> bytes:
        return body if body[0] == VERSION else b""

    def gone_before_asked(self, body: bytes) -> bytes:
        if b"posix-rename" in body:
            sys.exit()
        return body

    def gone_after_asked(self, body: bytes) -> bytes:
        if b"posix-rename" in body:
            _, old, new = fields(body[5:])
            os.rename(old, new)
            sys.exit()
        return body

    def greeting_answered(self, body: bytes) -> bytes:
        if body[0] == VERSION:
            os.write(1, b"Welcome to web!\r\n")
        return body


def fields(body: bytes) -> list[bytes]:
    found = []
    while body:
        (length,) = struct.unpack_from(">I", body)
        found.append(body[4 : 4 + length])
        body = body[4 + length :]
    return found


def main(folder: str) -> None:
    with open(f"{folder}/how") as file:
        how = file.read()
    strange = Strange(how)
    server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert server.stdin
    assert server.stdout
    asked, answered = bytearray(), bytearray()
    while True:
        ready, _, _ = select.select([0, server.stdout], [], [])
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                break
            asked += data
            for body in packets(asked):
                server.stdin.write(framed(strange.asked(body)))
        if server.stdout in ready:
            answered += server.stdout.read(65536)
            bodies = packets(answered)
            for body in reversed(bodies) if how == "backwards" else bodies:
                if changed := strange.answered(body):
                    os.write(1, framed(changed))


main(sys.argv[1])
