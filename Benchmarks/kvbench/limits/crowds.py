"""Many connections that are slow, or do nothing."""

import contextlib
import time

from .abuse import SECONDS_PAST_DEADLINES, Abuse, connect, get, measured, status

SLOW_CLIENTS, READERS = 2_000, 200
LARGE_BYTES, LARGE_COUNT = 512 << 10, 16
PIPELINED = 4
# As much as a slow reader takes, and all that its kernel takes for it.
READ_BYTES, RECEIVE_BYTES = 1 << 10, 4 << 10


class Crowd(Abuse):
    """`count` connections, each of which takes a step every second, and is opened again when the
    server has ended it."""

    seconds = SECONDS_PAST_DEADLINES

    @property
    def count(self):
        return SLOW_CLIENTS

    def open(self, number):
        """A connection, or None."""
        try:
            made = connect(self.target.port, number)
            made.sendall(self.begin)
            made.setblocking(False)
            return made
        except OSError:
            self.counts["not connected"] += 1
            return None

    # What each connection begins with, and what it sends every second.
    begin, drop = b"", b""
    read_bytes = 4 << 10

    def work(self, number):
        members = [self.open(number) for number in range(self.count)]
        self.is_ready.set()
        while not self.is_over.is_set():
            end = time.monotonic() + 1
            for number, member in enumerate(members):
                if member is None or not self.step(member):
                    if member:
                        member.close()
                    members[number] = self.open(number)
            self.is_over.wait(max(0.0, end - time.monotonic()))
        self.end(members)
        for member in members:
            if member:
                member.close()

    def end(self, members):
        """The time is over, and the connections are still open."""
        self.counts["open at the end"] = sum(member is not None for member in members)

    def step(self, member):
        """False: the server has ended the connection."""
        try:
            data = member.recv(self.read_bytes)
            self.read(data)
            if not data:
                return False
        except BlockingIOError:
            pass
        except OSError:
            self.counts["reset"] += 1
            return False
        try:
            if self.drop:
                member.send(self.drop)
        except BlockingIOError:
            pass
        except OSError:
            # The answer, if there is one, is read by the next step.
            pass
        return True

    def read(self, data):
        if data:
            self.counts[f"status {status(data)}"] += 1
        else:
            self.counts["ended"] += 1

    def others_than(self, *names):
        expected = {*names, "ended", "open at the end"}
        return [f"{name}: {self.counts[name]:,}" for name in self.counts if name not in expected]


class SlowHeads(Crowd):
    name = f"{SLOW_CLIENTS:,} clients that send a byte of a head each second"
    begin, drop = b"GET /kv/slow HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"

    def trouble(self):
        missing = [] if self.counts["status 408"] else ["none is told 408"]
        return missing + self.others_than("status 408")


class SlowBodies(SlowHeads):
    name = f"{SLOW_CLIENTS:,} clients that send a byte of a body each second"
    begin = b"PUT /kv/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"


class SlowReaders(Crowd):
    """Clients that ask for several large pages at once, and hardly read. One that has read all, as
    it was refused, asks again.

    A client does not notice that it is disconnected: its kernel goes on to receive what the
    server's has taken. So the descriptors of the server are counted.
    """

    name = f"{READERS} clients that read {PIPELINED} pages of 8 MiB at 1 KiB a second"
    begin = PIPELINED * get("/kv?prefix=limits/large/&values=true&limit=1000")
    read_bytes = READ_BYTES

    @property
    def count(self):
        return READERS

    def prepare(self):
        self.target.store("limits/large/", LARGE_COUNT, "v" * LARGE_BYTES)
        self._files = self.target.process.open_files()

    def open(self, number):
        try:
            made = connect(self.target.port, number, RECEIVE_BYTES)
            made.sendall(self.begin)
            made.setblocking(False)
            return made
        except OSError:
            self.counts["not connected"] += 1
            return None

    def step(self, member):
        self._is_refused = False
        if not super().step(member):
            return False
        if self._is_refused:
            with contextlib.suppress(OSError):
                member.send(self.begin)
        return True

    def read(self, data):
        self._is_refused = data.startswith(b"HTTP/1.1 503 ")
        if data.startswith(b"HTTP/1.1 "):
            self.counts[f"status {status(data)}"] += 1
        elif not data:
            self.counts["ended"] += 1

    def end(self, members):
        left = self.target.process.open_files() - self._files
        self.counts["disconnected"] = len(members) - left

    def trouble(self):
        gone = self.counts["disconnected"] + self.counts["ended"] + self.counts["reset"]
        missing = [] if gone > 0 else ["none is disconnected"]
        return missing + self.others_than("status 200", "status 503", "reset", "disconnected")


class Idle(Crowd):
    """As many connections as the limits of open files allow, up to 20,000, each after a request."""

    name = "idle connections"
    begin = get("/health/live")
    seconds = None

    @property
    def count(self):
        return self.target.connections

    def trouble(self):
        left = self.count - self.counts["open at the end"]
        ended = [f"{left:,} of {self.count:,} were ended"] if left or self.counts["ended"] else []
        return ended + self.others_than("status 200")


MEASURES = {
    "slow-heads": measured(SlowHeads),
    "slow-bodies": measured(SlowBodies),
    "slow-readers": measured(SlowReaders),
    "idle": measured(Idle),
}
