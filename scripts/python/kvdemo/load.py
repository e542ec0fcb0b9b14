"""A little load through Nginx, and what it shows: every answer is compared with what is promised.

Each key has one writer, which counts upwards. So a read may return the last number that was
acknowledged or a later one; an older one is stale, and at the end it is lost.
"""

import collections
import http.client
import random
import threading
import time


class Answers:
    """The answers of a period, counted."""

    def __init__(self):
        self.counts = collections.Counter()
        self.slowest = 0.0

    def add(self, kind, seconds):
        self.counts[kind] += 1
        self.slowest = max(self.slowest, seconds)

    @property
    def total(self):
        return self.counts.total()

    @property
    def failed(self):
        """Requests without an answer that a client can use."""
        return sum(self.counts[kind] for kind in ("refused", "unknown", "broken"))


class Load:
    """Threads that write and read until the end of the block."""

    PAUSE_SECONDS = 0.02
    # The share of writes that the client itself asks to queue.
    QUEUED = 0.1

    def __init__(self, port, threads=4, keys=5):
        self._port = port
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        # The last acknowledged number of each key, and the last one that was written at once.
        self.acknowledged = {}
        self._written = {}
        # (key, revision) of the writes that were answered with their revision.
        self.committed = set()
        self.count_acknowledged = 0
        self.stale = []
        self.unexpected = []
        self.answers = Answers()
        self._threads = [
            threading.Thread(target=self._run, args=(number, keys), daemon=True)
            for number in range(1, threads + 1)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_stopping.set()
        for thread in self._threads:
            thread.join()

    def take_answers(self):
        """The answers since the last call."""
        with self._lock:
            answers, self.answers = self.answers, Answers()
        return answers

    def lost(self, seconds=60):
        """The keys whose last acknowledged write is missing. A queued write is given time."""
        connection, end, found = self._connect(), time.monotonic() + seconds, []
        fresh = {"Cache-Control": "no-cache"}
        with self._lock:
            expected = dict(self.acknowledged)
        for key, number in expected.items():
            while True:
                status, _, body = self._ask(connection, "GET", key, None, fresh)
                if status == 200 and int(body) >= number:
                    break
                if time.monotonic() > end:
                    found.append(f"{key}: {number} was acknowledged, {status} {body[:40]!r}")
                    break
                time.sleep(0.1)
        connection.close()
        return found

    # A writer

    def _run(self, name, keys):
        connection, dice = self._connect(), random.Random(name)
        numbers = dict.fromkeys((f"demo/customer-{name}/visits-{key}" for key in range(keys)), 0)
        while not self._is_stopping.wait(self.PAUSE_SECONDS):
            key = dice.choice(list(numbers))
            if dice.random() < 0.5:
                numbers[key] += 1
                fields = {"Prefer": "respond-async"} if dice.random() < self.QUEUED else {}
                self._write(connection, key, numbers[key], fields)
            self._read(connection, key)
        connection.close()

    def _write(self, connection, key, number, fields):
        start = time.monotonic()
        status, answer_fields, body = self._ask(connection, "PUT", key, str(number), fields)
        kind = "refused"
        if status in (200, 201):
            kind = "written"
        elif status == 202:
            kind = "queued"
        elif status == 0:
            kind = "broken"
        elif b"outcome-unknown" in body:
            kind = "unknown"
        elif status != 503:
            self.unexpected.append(f"PUT {key}: {status} {body[:100]!r}")
        with self._lock:
            self.answers.add(kind, time.monotonic() - start)
            if kind in ("written", "queued"):
                self.count_acknowledged += 1
                self.acknowledged[key] = number
            if kind == "written":
                self._written[key] = number
                self.committed.add((key, int(answer_fields["ETag"].strip('"'))))

    def _read(self, connection, key):
        start = time.monotonic()
        # What was queued may still wait; only what was written must be seen.
        with self._lock:
            least = self._written.get(key, 0)
        status, fields, body = self._ask(connection, "GET", key)
        number = int(body) if status == 200 else 0
        kind = "broken" if status == 0 else "refused"
        if status in (200, 404):
            kind = "hit" if "hit" in (fields["Cache-Status"] or "") else "read"
            if number < least:
                self.stale.append(f"{key}: {number} after {least}")
        elif status not in (0, 503):
            self.unexpected.append(f"GET {key}: {status} {body[:100]!r}")
        with self._lock:
            self.answers.add(kind, time.monotonic() - start)

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=40)

    @staticmethod
    def _ask(connection, method, key, body=None, fields=None):
        """Status, fields and body; status 0 if the connection broke."""
        try:
            connection.request(method, f"/kv/{key}", body, fields or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, {}, b""
