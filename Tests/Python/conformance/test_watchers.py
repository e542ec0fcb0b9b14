"""Watchers that end abruptly, do not read, or are many; and the connections that they take."""

import json
import os
import socket
import struct
import threading
import time

from conformance import server
from conformance.calls import call, kv, query
from conformance.watching import History, Stream, metric, wait_until

ENDED_SLOW = 'kv_watch_ended_total{reason="slow"}'


class Connections(Stream):
    def test_methods(self):
        """Only GET, HEAD and OPTIONS."""
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = call(method, "/watch", "x")
            self.assert_problem(answer, 405, "method-not-allowed")
            self.assertEqual(set(answer.headers["Allow"].replace(" ", "").split(",")),
                             {"GET", "HEAD", "OPTIONS"})

    def test_head(self):
        """HEAD has the fields of a stream and ends at once; its connection goes on."""
        with socket.create_connection(("127.0.0.1", server.port()), timeout=30) as client:
            request = "{} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.sendall(
                (request.format("HEAD /watch") + request.format("GET /health/live")).encode())
            data = b""
            while b"alive" not in data:
                piece = client.recv(65_536)
                self.assertTrue(piece, data)
                data += piece
        first = data.split(b"\r\n\r\n")[0].lower()
        self.assertTrue(first.startswith(b"http/1.1 200"), data)
        self.assertIn(b"text/event-stream", first)

    def test_body(self):
        """A body on GET is refused or left aside, and never taken for a request."""
        for body in (b"x", b"GET /kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n", b"z" * 100_000):
            with socket.create_connection(("127.0.0.1", server.port()), timeout=30) as client:
                client.sendall(
                    b"GET /watch HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body))
                data = client.recv(65_536)
                self.assertRegex(data, rb"^HTTP/1\.1 (200|400|413) ")
                self.assertEqual(data.count(b"HTTP/1.1 "), 1)
        self.assert_status(call("GET", "/health/live"), 200)

    def test_bare_socket(self):
        """HTTP/1.0 gets the stream without chunks, up to the end of the connection."""
        with socket.create_connection(("127.0.0.1", server.port()), timeout=30) as client:
            target = query("/watch", prefix=self.prefix).encode()
            client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % target)
            stream = client.makefile("rb")
            self.assertIn(b"200", stream.readline())
            fields = []
            while (line := stream.readline().strip()):
                fields.append(line.lower())
            self.assertNotIn(b"transfer-encoding: chunked", fields)
            while not stream.readline().startswith(b"id:"):
                pass
            self.put("k")
            while not (line := stream.readline()).startswith(b"data:"):
                pass
            self.assertEqual(json.loads(line[5:])["key"], self.key("k"))

    def test_later_requests(self):
        """Requests behind a stream on its connection are not answered, and break nothing."""
        with socket.create_connection(("127.0.0.1", server.port()), timeout=30) as client:
            request = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            target = query("/watch", prefix=self.prefix)
            client.sendall((request.format(target) + request.format("/health/live")).encode())
            watch = self.begun()
            self.put("k")
            watch.next()
            data = b""
            while b"event: put" not in data:
                piece = client.recv(65_536)
                if not piece:
                    break
                data += piece
            self.assertEqual(data.count(b"HTTP/1.1 "), 1, data)

    def test_abrupt_ends(self):
        """A thousand watchers that end abruptly leave nothing behind."""
        wait_until(lambda: metric("kv_watchers") == 0, "earlier watchers have ended")
        target = query("/watch", prefix=self.prefix)
        request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                self.put(f"{number % 50}", os.urandom(100))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for turn in range(20):
                clients = []
                for number in range(50):
                    client = socket.create_connection(("127.0.0.1", server.port()), timeout=30)
                    client.sendall(request)
                    if number % 3:
                        self.assertIn(b" 200 ", client.recv(100))
                    if number % 5 == 0:
                        client.shutdown(socket.SHUT_WR)
                    clients.append(client)
                for number, client in enumerate(clients):
                    if number % 2:
                        # A reset instead of an orderly end.
                        client.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()
        finally:
            stop.set()
            writer.join()
        wait_until(lambda: metric("kv_watchers") == 0, "all watchers have ended", 30)
        wait_until(lambda: metric("kv_watch_bytes_held") == 0, "no bytes are held", 30)
        watch = self.begun()
        self.put("after")
        self.assertEqual(watch.next().key, self.key("after"))

    def test_slow_reader(self):
        """A client that does not read is ended, and holds up neither others nor the server."""
        ended_before = metric(ENDED_SLOW)
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.addCleanup(client.close)
        client.connect(("127.0.0.1", server.port()))
        target = query("/watch", prefix=self.prefix, values="true")
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.assertIn(b" 200 ", client.recv(20))
        reader = self.begun(values="true")
        value = "v" * 200_000
        end = time.monotonic() + 60
        written = 0
        while metric(ENDED_SLOW) == ended_before and time.monotonic() < end:
            self.put(f"{written}", value)
            written += 1
        events = reader.take(written)
        self.assertCountEqual([e.key for e in events], [self.key(f"{n}") for n in range(written)])
        self.assertTrue(all(e.data.get("value") == value for e in events))
        self.assertEqual(metric(ENDED_SLOW), ended_before + 1, f"after {written} events")

    def test_many_watchers(self):
        """Two hundred watchers at once all get all events of theirs."""
        watches = [self.begun(prefix=self.key(f"{n % 10}/")) for n in range(200)]
        for number in range(100):
            self.put(f"{number % 10}/{number}")
        for index, watch in enumerate(watches):
            keys = [e.key for e in watch.take(10)]
            self.assertCountEqual(
                keys, [self.key(f"{index % 10}/{n}") for n in range(100) if n % 10 == index % 10])
            watch.close()

    def test_copy(self):
        """A client that is cut off again and again, and resumes, misses nothing."""
        names = [f"{n}" for n in range(20)]
        stop = threading.Event()

        def write(number):
            turn = 0
            while not stop.is_set():
                turn += 1
                name = names[(turn * 7 + number) % 20]
                if turn % 9 == 0:
                    call("DELETE", kv(self.key(name)))
                else:
                    self.put(name, f"{number} {turn}")

        watch = self.begun()
        history = History()
        writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for writer in writers:
            writer.start()
        position = watch.last_id
        try:
            for _ in range(30):
                for _ in range(17):
                    event = watch.next()
                    history.add(event)
                    position = event.id
                watch.close()
                watch = self.watch(after=position)
                self.assertEqual(watch.status, 200)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        self.complete(watch, history)
