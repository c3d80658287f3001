"""What the tests of the pretended machines' SSH share: keys, and paramiko's client with what it lacks."""

import io
import socket

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_REQUEST


def new_key():
    """A private key as paramiko has it, and as its text."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key(file_obj=io.StringIO(made)), made


def line(key):
    return f"{key.get_name()} {key.get_base64()} somebody@laptop"


KEY, KEY_TEXT = new_key()


class Client(paramiko.Transport):
    """paramiko's client, with the two things that it lacks: signals, both ways."""

    def __init__(self, address, key=KEY, user="root"):
        sock = socket.create_connection(address, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock)
        self.signals = {}
        try:
            self.start_client(timeout=10)
            if key is not None:
                self.auth_publickey(user, key)
        except BaseException:
            self.close()
            self.join(10)
            raise

    def _heard(channel, message):
        start = message.packet.tell()
        if message.get_text() == "exit-signal":
            message.get_boolean()
            channel.transport.signals[channel.chanid] = message.get_text()
        message.packet.seek(start)
        paramiko.Channel._handle_request(channel, message)

    _channel_handler_table = {**paramiko.Transport._channel_handler_table, MSG_CHANNEL_REQUEST: _heard}

    def begin(self, command):
        channel = self.open_session(timeout=10)
        channel.settimeout(10)
        channel.exec_command(command)
        return channel

    def do(self, command, stdin=b""):
        """A command's status, output and errors."""
        channel = self.begin(command)
        channel.sendall(stdin)
        channel.shutdown_write()
        output, errors = channel.makefile("rb").read(), channel.makefile_stderr("rb").read()
        return channel.recv_exit_status(), output, errors

    def sftp(self):
        return paramiko.SFTPClient.from_transport(self)

    def send_signal(self, channel, name):
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)
        message.add_string(name)
        self._send_user_message(message)

    def __exit__(self, *error):
        self.close()
        self.join(10)

    def __enter__(self):
        return self


def refused(address):
    try:
        socket.create_connection(address, 10).close()
    except ConnectionRefusedError:
        return True
    return False
