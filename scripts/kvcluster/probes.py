"""Questions to the services, each in the service's own protocol and answered within a moment.

A port that accepts is not enough: a frozen process's port does, too.
"""

import http.client
import socket
import struct

SECONDS = 1.0


def http_get(port, path, seconds=SECONDS):
    """Status and text; (0, "") without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def redis(port, password, *words, seconds=SECONDS):
    """A command's reply: text, a list of texts, or None for an error or no answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), seconds) as connection:
            connection.settimeout(seconds)
            for command in (("AUTH", password), words):
                parts = [word.encode() for word in command]
                message = b"*%d\r\n" % len(parts)
                message += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
                connection.sendall(message)
            with connection.makefile("rb") as file:
                _reply(file)
                return _reply(file)
    except (OSError, ValueError):
        return None


def _reply(file):
    line = file.readline()
    if not line:
        raise ValueError("no reply")
    kind, rest = line[:1], line[1:].strip()
    if kind == b"$":
        length = int(rest)
        return None if length < 0 else file.read(length + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return [_reply(file) for _ in range(int(rest))]
    return None if kind == b"-" else rest.decode("utf-8", "replace")


def amqp(port):
    """Whether RabbitMQ answers the header of the protocol with its Connection.Start."""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            # A method frame on channel 0.
            return connection.recv(3) == b"\x01\x00\x00"
    except OSError:
        return False


def postgres(port, user, database):
    """Whether PostgreSQL asks for the password: until it is ready, it answers with an error."""
    parameters = f"user\0{user}\0database\0{database}\0\0".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.settimeout(SECONDS)
            # Protocol 3.0.
            head = struct.pack("!ii", len(parameters) + 8, 3 << 16)
            connection.sendall(head + parameters)
            return connection.recv(1) == b"R"
    except OSError:
        return False
