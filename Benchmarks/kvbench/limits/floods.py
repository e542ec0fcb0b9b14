"""Many requests on few connections."""

import json
import re
import select
import socket
import subprocess
import urllib.request

from . import normal
from .abuse import SECONDS_PAST_DEADLINES, Abuse, connect, get, measured, status

PIPELINED = 100_000
BLOCK = 1_000
PATHS, PATHS_QUICK = 1_000_000, 100_000
GROWTH_BYTES_MAX = 16 << 20
READ_BYTES = 1 << 20


class Unread(Abuse):
    """One connection with 100,000 requests, whose answers are never read."""

    name = f"{PIPELINED:,} pipelined GETs, whose answers nobody reads"
    seconds = SECONDS_PAST_DEADLINES

    def work(self, number):
        flood = memoryview(PIPELINED * get(f"/kv/{normal.PREFIX}1"))
        self.is_ready.set()
        while not self.is_over.is_set():
            with connect(self.target.port) as one:
                one.setblocking(False)
                sent = self._send(one, flood)
            self.counts["connections"] += 1
            taken = sent * PIPELINED // len(flood)
            self.counts["most requests that one could send"] = max(
                taken, self.counts["most requests that one could send"])

    def _send(self, one, flood):
        """Returns how many bytes the server and the kernel have taken until it ended the
        connection."""
        sent = 0
        while not self.is_over.is_set():
            writable = [one] if sent < len(flood) else []
            _, ready, broken = select.select([], writable, [one], 0.2)
            try:
                if ready:
                    sent += one.send(flood[sent : sent + READ_BYTES])
                if broken or one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    break
            except BlockingIOError:
                continue
            except OSError:
                break
        else:
            return sent
        self.counts["ended by the server"] += 1
        return sent

    def trouble(self):
        return [] if self.counts["ended by the server"] else ["it is not ended"]


class Read(Abuse):
    """One connection that sends as many requests as it can, and reads the answers (flood.c)."""

    name = "pipelined GETs at full rate on one connection"
    path, status = f"/kv/{normal.PREFIX}1", 200

    def work(self, number):
        # A little longer than the normal load, which so is never alone.
        seconds = self.usual_seconds + 1
        command = [self.target.program("flood"), str(self.target.port), str(seconds)]
        self.is_ready.set()
        done = subprocess.run(
            command, input=get(self.path), stdout=subprocess.PIPE, check=True)
        self.counts.update(json.loads(done.stdout))

    def trouble(self):
        wanted = self.counts["answers"] if self.status == 200 else 0
        right = self.counts["answers"] > 0 and self.counts["status 200"] == wanted
        return [] if right else [f"not all are answered {self.status}"]


class Refused(Read):
    """Requests that are answered before a handler has been called: nothing is waited for."""

    name = "pipelined GETs of an unknown path, likewise"
    path, status = "/no", 404


class UnknownPaths(Abuse):
    """Distinct paths that nothing is at, pipelined on one connection."""

    def __init__(self, target):
        super().__init__(target)
        self.count = PATHS_QUICK if target.options.quick else PATHS
        self.name = f"{self.count:,} distinct unknown paths"

    def prepare(self):
        # The first ones make the series that all share, also those of what is asked beside them.
        self._ask(range(BLOCK))
        normal.load(self.target)(1)
        self._series()
        self.before = self._series(), self.target.process.rss_bytes()

    def work(self, number):
        self.is_ready.set()
        for first in range(BLOCK, self.count, BLOCK):
            self._ask(range(first, first + BLOCK))

    def _ask(self, numbers):
        with connect(self.target.port, numbers[0] // BLOCK) as one:
            fields = {numbers[-1]: "Connection: close\r\n"}
            one.sendall(b"".join(get(f"/no/{n}", fields.get(n, "")) for n in numbers))
            answers = b""
            while data := one.recv(READ_BYTES):
                answers += data
        for found in re.findall(rb"HTTP/1\.1 (\d+) ", answers):
            self.counts[f"status {found.decode()}"] += 1

    def _series(self):
        url = f"http://127.0.0.1:{self.target.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            lines = answer.read().splitlines()
        return len([line for line in lines if not line.startswith(b"#")])

    def trouble(self):
        series, rss = self.before
        more, grown = self._series() - series, self.target.process.rss_bytes() - rss
        found = [f"{more} series more"] if more > 0 else []
        if grown > GROWTH_BYTES_MAX:
            found.append(f"{grown >> 20} MiB more")
        wanted = {"status 404": self.count}
        return found + ([f"not {self.count:,} times 404"] if self.counts != wanted else [])


class Bomb(Abuse):
    """The same few requests again and again on four connections at a time. Each connection is used
    once, as the server ends it."""

    threads = 4
    # The statuses of proper refusals.
    expected = ()

    def requests(self):
        """Bytes by name."""
        raise NotImplementedError

    def prepare(self):
        self._requests = list(self.requests())

    def work(self, number):
        self.is_ready.set()
        while not self.is_over.is_set():
            request = self._requests[number % len(self._requests)]
            number += 1
            self.counts[f"status {self._answer(request, number)}"] += 1

    def _answer(self, request, number):
        answer = b""
        with connect(self.target.port, number) as one:
            try:
                one.sendall(request)
            except OSError:
                # It has been refused already.
                pass
            try:
                while data := one.recv(READ_BYTES):
                    answer += data
            except OSError:
                pass
        return status(answer)

    def trouble(self):
        wanted = {f"status {status}" for status in self.expected}
        return [f"{name}: {self.counts[name]:,}" for name in self.counts if name not in wanted]


MEASURES = {
    "flood-unread": measured(Unread),
    "flood-read": measured(Read),
    "flood-refused": measured(Refused),
    "paths": measured(UnknownPaths),
}
