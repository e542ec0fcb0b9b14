"""A kv-api that is abused, and an ordinary client beside that."""

import re
import threading
import unittest

from kvbench.limits.abuse import connect
from kvbench.memory import raise_file_limit
from support import wait_until
from support.client import Client
from support.server import Server

# Of this process and of the servers that it starts.
FILES = 4_000
MEBIBYTE = 1 << 20
# SQLite opens its files when they are first needed.
FILES_MORE_MAX = 20


class Case(unittest.TestCase):
    """`start` makes the server; at its end nothing of the abuse may be left."""

    def start(self, **settings):
        raise_file_limit(FILES, FILES)
        self.server = self.enterContext(Server(**settings))
        self.client = Client([self.server.port], timeout=60)
        self.addCleanup(self.client.close)
        self.assertEqual(self.client.put("ordinary", "value").status, 201)

    def metrics(self):
        """All samples by their names with labels."""
        text = self.client.request("GET", "/metrics").body.decode()
        lines = (line for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def rss_mebibytes(self):
        return self.metrics()["process_resident_memory_bytes"] / MEBIBYTE

    def assert_served(self):
        """An ordinary client reads and writes."""
        for _ in range(20):
            self.assertEqual(self.client.get("ordinary").body, b"value")
            self.assertEqual(self.client.put("ordinary", "value").status, 200)

    def assert_gone(self, before, seconds=60):
        """Connections and descriptors come back to what they were."""
        def is_back():
            now = self.metrics()
            more = now["process_open_fds"] - before["process_open_fds"]
            buffers = ("kv_http_answer_buffer_bytes", "kv_http_body_buffer_bytes")
            return (
                now["kv_http_connections_open"] <= before["kv_http_connections_open"]
                and more <= FILES_MORE_MAX
                and not any(now[name] for name in buffers)
            )

        wait_until(is_back, seconds, "return of connections and descriptors")

    def connect(self, number=0, receive_bytes=None):
        made = connect(self.server.port, number, receive_bytes)
        self.addCleanup(made.close)
        return made


def in_background(work):
    """Starts a thread; the returned function waits for it, and raises its error."""
    errors = []

    def run():
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait():
        thread.join()
        if errors:
            raise errors[0]

    return wait


def everything(connection):
    """What comes until the server ends the connection."""
    data = b""
    try:
        while piece := connection.recv(MEBIBYTE):
            data += piece
    except ConnectionResetError:
        pass
    return data


def statuses(data):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
