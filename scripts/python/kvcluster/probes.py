"""Requests to the services, each in the service's own protocol and with a short timeout.

An open port is no proof of life: that of a frozen process accepts connections as well.
"""

import http.client
import socket
import struct

SECONDS = 1.0


def http_get(port, path, seconds=SECONDS):
    """Status and text; (0, "") if there is no answer."""
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
    """The reply to a command: text, a list of texts, or None for an error or no answer."""
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
    """Whether RabbitMQ answers the protocol header with Connection.Start."""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            # A method frame on channel 0.
            return connection.recv(3) == b"\x01\x00\x00"
    except OSError:
        return False


def postgres(port, user, database):
    """Whether PostgreSQL requests the password; until it is ready, it answers with an error."""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(_startup(user, database))
            return connection.recv(1) == b"R"
    except OSError:
        return False


def _startup(user, database):
    """The first message of PostgreSQL's protocol, 3.0."""
    parameters = f"user\0{user}\0database\0{database}\0\0".encode()
    return struct.pack("!ii", len(parameters) + 8, 3 << 16) + parameters


def sql(port, statement, user="root", database="system", seconds=5.0):
    """The rows of a statement as lists of texts, from a server that requires no password, such as
    CockroachDB in insecure mode; None for an error or no answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(_startup(user, database))
            with connection.makefile("rb") as file:
                if _rows(file) is None:
                    return None
                text = statement.encode() + b"\0"
                connection.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
                return _rows(file)
    except (OSError, ValueError, struct.error):
        return None


def _rows(file):
    """All rows until the server is ready for the next statement; None after an error."""
    rows, is_error = [], False
    while True:
        kind, length = struct.unpack("!ci", file.read(5))
        body = file.read(length - 4)
        if kind == b"Z":
            return None if is_error else rows
        if kind == b"E":
            is_error = True
        if kind == b"D":
            rows.append(_columns(body))


def _columns(row):
    texts, place = [], 2
    for _ in range(struct.unpack_from("!h", row)[0]):
        (length,) = struct.unpack_from("!i", row, place)
        place += 4
        # NULL has the length -1.
        end = place + max(length, 0)
        texts.append(None if length < 0 else row[place:end].decode("utf-8", "replace"))
        place = end
    return texts
