"""Nginx and streams of events (`GET /watch`): never repeated, bounded, and over HTTP/2."""

import asyncio
import http.client
import json
import resource
import socket
import subprocess
import threading
import time

from cluster.nginx_case import NginxCase
from cluster.upstream import Upstream
from conformance.devtools import Chromium
from support import wait_until

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
WATCHERS = 5000


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Listener:
    """A client that reads a stream."""

    def __init__(self, port, target="/watch", fields=None, seconds=30):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        self._connection.request("GET", target, headers=fields or {})
        self.response = self._connection.getresponse()

    def read(self):
        """What arrives next; empty after a clean end."""
        return self.response.read1()

    def close(self):
        self.response.close()
        self._connection.close()


class Streams(NginxCase):
    def listen(self, *rest, **more):
        listener = Listener(self.port, *rest, **more)
        self.addCleanup(listener.close)
        return listener

    def test_events_are_sent_at_once_and_the_end_of_a_listener_is_passed_on(self):
        heard, gone = threading.Event(), threading.Event()

        def stream(connection):
            connection.sendall(HEAD + chunk(b"data: 1\n\n"))
            # The second event is sent only after the first one has been received.
            if heard.wait(10):
                connection.sendall(chunk(b"data: 2\n\n"))
            connection.settimeout(10)
            if connection.recv(1) == b"":
                gone.set()

        self.upstreams(answer=stream)
        listener = self.listen("/watch?prefix=a")
        self.assertEqual(listener.response.headers["Content-Type"], "text/event-stream")
        self.assertEqual(listener.response.headers["Cache-Control"], "no-store")
        self.assertEqual(listener.read(), b"data: 1\n\n")
        heard.set()
        self.assertEqual(listener.read(), b"data: 2\n\n")
        listener.close()
        self.assertTrue(gone.wait(5), "kv-api still has the connection of a listener that has left")

    def test_the_place_to_resume_at_is_passed_on(self):
        first, second = self.upstreams()
        target = "/watch?prefix=a%2Fb&values=true&after=7.1"
        self.ask("GET", target, fields={"Last-Event-ID": "12.3", "Accept": "text/event-stream"})
        (head,) = first.requests + second.requests
        self.assertEqual(head[0], f"GET {target} HTTP/1.1")
        self.assertIn("Last-Event-ID: 12.3", head)
        self.assertIn("Accept: text/event-stream", head)

    def test_a_stream_is_asked_for_at_the_other_server_only_before_it_has_begun(self):
        dying = self.upstream(1, is_answering=False)
        head = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        living = self.upstream(2, answer=lambda c: c.sendall(head + LAST_CHUNK))
        for _ in range(6):
            self.assertEqual(self.listen().read(), b"")
        self.assertGreater(len(dying.requests), 0)
        self.assertEqual(len(living.requests), 6)

    def test_a_stream_that_breaks_is_not_continued_by_the_other_server(self):
        for end, is_clean in [(b"", False), (LAST_CHUNK, True)]:
            with self.subTest(is_clean=is_clean):
                self.setUp()
                answer = HEAD + chunk(b"id: 1\n\n") + end
                servers = [
                    Upstream(self.cluster.ports.api(number), "", answer=lambda c: c.sendall(answer))
                    for number in (1, 2)
                ]
                listener = self.listen()
                received = b""
                try:
                    while data := listener.read():
                        received += data
                    self.assertTrue(is_clean, "a broken stream looks complete")
                except (OSError, http.client.HTTPException):
                    self.assertFalse(is_clean)
                finally:
                    for server in servers:
                        server.close()
                self.assertEqual(received, b"id: 1\n\n")
                self.assertEqual(sum(len(server.requests) for server in servers), 1)

    def test_a_listener_that_comes_back_resumes_at_the_server_that_is_left(self):
        dies = threading.Event()
        self.addCleanup(dies.set)

        def stream(server):
            def answer(connection):
                connection.sendall(HEAD + chunk(b"id: %d.0\n\n" % server))
                dies.wait(10)

            return answer

        first = Upstream(self.cluster.ports.api(1), "first", answer=stream(1))
        listener = self.listen()
        self.assertEqual(listener.read(), b"id: 1.0\n\n")
        second = self.upstream(2, answer=stream(2))
        first.close()
        with self.assertRaises((OSError, http.client.HTTPException)):
            while listener.read():
                pass
        again = self.listen(fields={"Last-Event-ID": "1.0"})
        self.assertEqual(again.read(), b"id: 2.0\n\n")
        self.assertIn("Last-Event-ID: 1.0", second.requests[-1])

    def test_a_stream_may_be_silent_for_longer_than_the_time_between_comments(self):
        self.upstreams(
            answer=lambda c: (
                c.sendall(HEAD + chunk(b": here\n\n")),
                time.sleep(16),
                c.sendall(chunk(b": still here\n\n") + LAST_CHUNK),
            )
        )
        listener = self.listen()
        self.assertEqual(listener.read(), b": here\n\n")
        self.assertEqual(listener.read(), b": still here\n\n")
        self.assertEqual(listener.read(), b"")

    def test_a_listener_that_does_not_read_keeps_kv_api_waiting_and_is_ended(self):
        sent, ended = [0], threading.Event()

        def stream(connection):
            connection.sendall(HEAD)
            try:
                while sent[0] < 1 << 28:
                    connection.sendall(chunk(bytes(1 << 16)))
                    sent[0] += 1 << 16
            except OSError:
                ended.set()

        self.upstreams(answer=stream)
        self.listen()
        self.assertTrue(ended.wait(30), "Nginx keeps the stream of a listener that does not read")
        # What the sockets hold; nothing is kept in Nginx, or on its disk.
        self.assertLess(sent[0], 1 << 25)

    def test_a_reload_lets_streams_continue(self):
        told = threading.Event()
        self.upstreams(
            answer=lambda c: (
                c.sendall(HEAD + chunk(b"data: 1\n\n")),
                told.wait(30),
                c.sendall(chunk(b"data: 2\n\n") + LAST_CHUNK),
            )
        )
        listener = self.listen()
        self.assertEqual(listener.read(), b"data: 1\n\n")
        self.addCleanup(setattr, self.cluster, "rate", self.cluster.rate)
        self.cluster.rate = 1_000_000
        self.cluster["nginx"].update()
        told.set()
        self.assertEqual(listener.read(), b"data: 2\n\n")
        self.assertEqual(listener.read(), b"")

    def test_thousands_of_listeners_get_an_event(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        before = self.memory()
        asyncio.run(asyncio.wait_for(self.crowd(), 120))
        # A listener costs Nginx its two connections and a small buffer.
        self.assertLess((self.peak - before) / WATCHERS, 40_000)

    def memory(self):
        """The bytes that Nginx's processes have in memory, without what they share."""
        total = 0
        for pid in self.cluster["nginx"].identity.members():
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                _, resident, shared, *_ = map(int, file.read().split())
            total += (resident - shared) * resource.getpagesize()
        return total

    async def crowd(self):
        """Listeners at both servers at a time; all are sent an event once all have connected."""
        streams = []

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD + chunk(b": here\n\n"))
            streams.append(writer)

        ports = [self.cluster.ports.api(number) for number in (1, 2)]
        servers = [
            await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096) for port in ports
        ]
        request = b"GET /watch HTTP/1.1\r\nHost: localhost\r\n\r\n"

        async def listen():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(request)
            await reader.readuntil(b": here\n\n")
            return reader, writer

        listeners = []
        for _ in range(WATCHERS // 100):
            listeners += await asyncio.gather(*(listen() for _ in range(100)))
        self.peak = self.memory()
        self.assertEqual(len(streams), WATCHERS)
        for stream in streams:
            stream.write(chunk(b"data: x\n\n"))
        await asyncio.gather(*(reader.readuntil(b"data: x\n\n") for reader, _ in listeners))
        for _, writer in listeners:
            writer.close()
        for server in servers:
            server.close()
        for stream in streams:
            stream.close()


class OverHTTP2(NginxCase):
    """The TLS port speaks HTTP/2 with those who can."""

    settings = {"tls": True}

    def curl(self, target, *words, input=None):
        """Status, version of HTTP, and body, by curl over TLS."""
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--path-as-is", "--max-time", "30"),
                *("--cacert", self.cluster["nginx"].certificate, "--noproxy", "*"),
                *("--write-out", "\n%{http_version} %{response_code}", *words),
                f"https://localhost:{self.cluster.ports.nginx_tls}{target}",
            ],
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        body, _, figures = done.stdout.rpartition(b"\n")
        version, status = figures.decode().split()
        self.failure = (done.returncode, done.stderr.decode())
        return int(status), version, body

    def test_clients_choose_the_version(self):
        self.upstreams()
        self.assertEqual(self.curl("/kv/a"), (200, "2", b"yes"))
        self.assertEqual(self.curl("/kv/a", "--http1.1"), (200, "1.1", b"yes"))

    def test_fields_arrive_whatever_their_case(self):
        first, second = self.upstreams()
        fields = {"last-event-id": "3.0", "prefer": "return=minimal", "if-none-match": "*"}
        words = [word for name, text in fields.items() for word in ("-H", f"{name}: {text}")]
        self.assertEqual(self.curl("/watch", *words)[:2], (200, "2"))
        (head,) = first.requests + second.requests
        self.assertIn(f"Host: localhost:{self.cluster.ports.nginx_tls}", head)
        self.assertIn("X-Forwarded-Proto: https", head)
        lower = [line.lower() for line in head]
        for name, text in fields.items():
            self.assertIn(f"{name}: {text}", lower)

    def test_paths_reach_kv_api_unchanged(self):
        first, second = self.upstreams()
        for target in ("/kv/a//b", "/kv/a/../b/./c", "/kv/%2e%2E/x", "/kv/a%2Fb+c?ttl=60"):
            self.assertEqual(self.curl(target, "-X", "PUT", "--data", "v")[:2], (200, "2"))
            seen = [head[0] for head in first.requests + second.requests]
            self.assertIn(f"PUT {target} HTTP/1.1", seen)

    def test_a_write_that_was_sent_is_never_sent_again(self):
        servers = self.upstreams(is_answering=False)
        for number, method in enumerate(("PUT", "PATCH", "DELETE", "POST"), 1):
            # A server that failed is not asked for a while.
            wait_until(
                lambda: self.curl("/kv/a", "-X", method, "--data", "v")[2].count(b"unknown"),
                15,
                "server that is asked",
            )
            self.assertEqual(sum(len(server.requests) for server in servers), number)

    def test_problems_are_documents(self):
        """But for a header section that is too large: Nginx then ends the connection."""
        self.upstreams()
        cases = [
            (("/metrics",), 404),
            (("/kv/a", "-X", "TRACE"), 405),
            (("/kv/../../a",), 400),
            (("/kv/a", "-X", "PUT", "-H", f"Content-Length: {(8 << 20) + 1}", "-d", "x"), 413),
        ]
        for (target, *words), status in cases:
            with self.subTest(target=target[:20], words=[word[:20] for word in words]):
                answer = self.curl(target, *words)
                self.assertEqual(answer[:2], (status, "2"), self.failure)
                self.assertEqual(json.loads(answer[2])["status"], status)

    def test_a_stream_that_breaks_does_not_look_complete(self):
        self.upstreams(answer=lambda c: c.sendall(HEAD + chunk(b"data: 1\n\n")))
        self.assertEqual(self.curl("/watch"), (200, "2", b"data: 1\n\n"))
        self.assertNotEqual(self.failure[0], 0)

    def test_a_reload_breaks_no_request_of_a_page(self):
        self.upstreams()
        chromium = Chromium("--ignore-certificate-errors")
        self.addCleanup(chromium.close)
        chromium.open(f"https://localhost:{self.cluster.ports.nginx_tls}/kv/page")
        chromium.run(
            """
            window.seen = { good: 0, bad: [] };
            window.ends = false;
            const client = async (method) => {
              while (!window.ends) {
                const body = method == 'PUT' ? 'v' : undefined;
                await fetch('/kv/a', { method, body, cache: 'no-store' })
                  .then((answer) => answer.text())
                  .then((text) => text == 'yes' ? seen.good++ : seen.bad.push(text))
                  .catch((error) => seen.bad.push(method + ' ' + error));
              }
            };
            window.clients = ['GET', 'GET', 'PUT', 'PUT'].map(client);
            """
        )
        self.addCleanup(setattr, self.cluster, "rate", self.cluster.rate)
        for rate in (1_000_000, 999_999):
            self.cluster.rate = rate
            self.cluster["nginx"].update()
        seen = chromium.run(
            "window.ends = true; await Promise.all(window.clients); return window.seen;"
        )
        self.assertEqual(seen["bad"], [])
        self.assertGreater(seen["good"], 100)

    def test_a_page_may_have_more_streams_than_connections(self):
        """Over HTTP/1.1, Chromium opens six connections, and a request waits for one of them."""
        stop = threading.Event()
        self.addCleanup(stop.set)

        def answer(server):
            def one(connection):
                if server.requests[-1][0].startswith("GET /watch"):
                    connection.sendall(HEAD + chunk(b"data: 1\n\n"))
                    stop.wait(60)
                else:
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                        b"Content-Length: 3\r\n\r\nyes"
                    )

            return one

        servers = self.upstreams()
        for server in servers:
            server._answer = answer(server)
        chromium = Chromium("--ignore-certificate-errors")
        self.addCleanup(chromium.close)
        for url, most in [
            (f"https://localhost:{self.cluster.ports.nginx_tls}", 20),
            (f"http://localhost:{self.port}", 6),
        ]:
            chromium.open(url + "/kv/page")
            opened = chromium.run(
                """
                let opened = 0;
                const streams = Array.from({ length: 20 }, (_, number) => {
                  const stream = new EventSource('/watch?prefix=' + number);
                  stream.onmessage = () => { opened += 1; };
                  return stream;
                });
                const wait = (ms) => new Promise((done) => setTimeout(done, ms));
                for (let tries = 0; tries < 100 && opened < %d; tries++) await wait(100);
                await wait(500);
                const other = new AbortController();
                setTimeout(() => other.abort(), 1000);
                const value = await fetch('/kv/a', { signal: other.signal })
                  .then((answer) => answer.text()).catch(() => 'waits');
                streams.forEach((stream) => stream.close());
                return [opened, value];
                """
                % most
            )
            self.assertEqual(opened, [most, "yes" if most == 20 else "waits"], url)
