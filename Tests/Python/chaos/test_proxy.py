"""The proxy in front of real sockets: what each mode does to connections."""

import json
import os
import socket
import tempfile
import threading
import time
import unittest
from pathlib import Path

from chaos.network import Network
from kvcluster import processes
from support import free_port, wait_until

DETOUR = 1
# How long nothing may arrive before it counts as held back.
SILENCE = 0.4


class Echo:
    """A server that answers with what it gets."""

    def __init__(self, port):
        self._listener = socket.create_server(("127.0.0.1", port))
        # How many connections have ended.
        self.ended = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                while data := connection.recv(65_536):
                    connection.sendall(data)
            except OSError:
                pass
        self.ended += 1

    def close(self):
        self._listener.close()


def two_free_ports():
    """Two ports in a row that are free: of a server, and of the proxy before it."""
    while True:
        port = free_port()
        try:
            with socket.create_server(("127.0.0.1", port + DETOUR)):
                return port
        except OSError:
            continue


class Proxied(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kv-proxy-"))
        self.port = two_free_ports()
        self.echo = Echo(self.port)
        self.addCleanup(self.echo.close)
        services = {"server": [self.port]}
        self.network = self.enterContext(Network(services, DETOUR, self.folder))

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port + DETOUR), 5)
        self.addCleanup(connection.close)
        return connection

    def begin(self, mode, **amounts):
        return self.network.begin(mode, ["clients"], ["server"], **amounts)

    def ask(self, connection, text=b"hello"):
        """Sends and waits for the answer; returns how long it took."""
        start = time.monotonic()
        connection.sendall(text)
        left = len(text)
        connection.settimeout(5)
        while left:
            data = connection.recv(65_536)
            if not data:
                raise ConnectionError("the end")
            left -= len(data)
        return time.monotonic() - start

    def assertSilent(self, connection):
        connection.settimeout(SILENCE)
        with self.assertRaises(TimeoutError):
            connection.recv(100)

    def test_passes_on(self):
        for text in (b"hello", b"x" * 1_000_000):
            self.ask(self.connect(), text)

    def test_cut(self):
        connection = self.connect()
        self.ask(connection)
        rule, count = self.begin("cut")
        self.assertEqual(count, 1)
        with self.assertRaises(ConnectionResetError):
            connection.recv(100)
        with self.assertRaises(ConnectionResetError):
            self.ask(self.connect())
        self.network.end(rule)
        self.ask(self.connect())

    def test_silence(self):
        """What was sent meanwhile arrives afterwards, also on new connections."""
        old = self.connect()
        self.ask(old)
        rule, _ = self.begin("silence")
        new = self.connect()
        for connection in (old, new):
            connection.sendall(b"hello")
            self.assertSilent(connection)
        self.network.end(rule)
        for connection in (old, new):
            connection.settimeout(5)
            self.assertEqual(connection.recv(100), b"hello")

    def test_deaf(self):
        """The server is told, and its answers are held back."""
        connection = self.connect()
        self.ask(connection)
        rule, _ = self.begin("deaf")
        connection.sendall(b"hello")
        self.assertSilent(connection)
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: self.echo.ended == 1, 5, "end at the server")
        self.network.end(rule)
        connection.settimeout(5)
        self.assertEqual(connection.recv(100), b"hello")

    def test_half_open(self):
        """The server's side ends, the client is never told, not even afterwards."""
        connection = self.connect()
        self.ask(connection)
        rule, _ = self.begin("half-open")
        wait_until(lambda: self.echo.ended == 1, 5, "end at the server")
        connection.sendall(b"hello")
        self.assertSilent(connection)
        self.network.end(rule)
        connection.sendall(b"hello")
        self.assertSilent(connection)
        self.ask(self.connect())

    def test_mute(self):
        """An answer is lost with its connection."""
        connection = self.connect()
        rule, _ = self.begin("mute")
        with self.assertRaises(ConnectionError):
            self.ask(connection)
        self.network.end(rule)
        self.ask(self.connect())

    def test_delay(self):
        """Both directions take longer, but chunks overtake no one and delay no one."""
        connection = self.connect()
        rule, _ = self.begin("delay", milliseconds=1000)
        self.assertGreater(self.ask(connection), 1.9)
        start = time.monotonic()
        for number in range(10):
            connection.sendall(b"%d" % number)
            time.sleep(0.01)
        got = b""
        while len(got) < 10:
            got += connection.recv(100)
        self.assertEqual(got, b"0123456789")
        self.assertLess(time.monotonic() - start, 4)
        self.network.end(rule)
        self.assertLess(self.ask(connection), 1)

    def test_throttle(self):
        connection = self.connect()
        rule, _ = self.begin("throttle", bytes=5_000)
        self.ask(connection, b"x" * 10_000)
        # The next one has to wait in either direction.
        self.assertGreater(self.ask(connection), 1.2)
        self.network.end(rule)
        self.ask(connection)
        self.assertLess(self.ask(connection), 1)

    def test_only_these(self):
        """A rule for another source changes nothing."""
        connection = self.connect()
        self.ask(connection)
        self.network.begin("cut", ["kv-api-1"], ["server"])
        self.network.begin("cut", ["clients"], ["another"])
        self.ask(connection)

    def test_source(self):
        """The proxy knows which service has made a connection."""
        program = (
            "import socket,sys; s=socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
            "s.sendall(b'x'); s.recv(1); sys.stdin.read()"
        )
        run = Path(self.folder) / "run"
        run.mkdir()
        identity = processes.spawn(
            ["python3", "-c", f"import os, time\nif os.fork() == 0:\n  {program}\ntime.sleep(30)",
             str(self.port + DETOUR)],
            dict(os.environ), os.devnull)
        self.addCleanup(processes.kill, identity)
        (run / "kv-api-1.json").write_text(json.dumps(vars(identity)))

        def is_known():
            self.network.begin("delay", ["nobody"], ["nothing"], milliseconds=1)
            return self.network.counts.get("kv-api-1 to server")

        wait_until(is_known, 10, lambda: f"connection of kv-api-1: {self.network.counts}")


class PortMapper(unittest.TestCase):
    def test_translated(self):
        """Whoever asks epmd where it is or where a node is, is told the proxy's port."""
        port = two_free_ports()
        echo = Echo(port)
        self.addCleanup(echo.close)
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kv-proxy-"))
        self.enterContext(Network({"epmd": [port]}, DETOUR, folder))
        # The echo stands for the answer.
        answer = b"\x77\x00" + (25_672).to_bytes(2, "big") + b"rest"
        expected = b"\x77\x00" + (25_672 + DETOUR).to_bytes(2, "big") + b"rest"
        names = port.to_bytes(4, "big"), (port + DETOUR).to_bytes(4, "big")
        same = [(text, text) for text in (b"\x77\x01", b"y\x00ab")]
        for sent, received in [(answer, expected), names, *same]:
            with socket.create_connection(("127.0.0.1", port + DETOUR), 5) as connection:
                connection.sendall(sent)
                self.assertEqual(connection.recv(100), received)
