"""Load. Every answer is checked against what the store promises.

Each key has one writer, which sends one request at a time. So it is always known what a read may
return: the last acknowledged write, a later one, or one of unknown outcome. Anything older is a
stale read.
"""

import collections
import random
import threading
import time

from support.client import Client, Unreachable

# How long after its commit a queued write may be missing in the cache.
CACHE_SECONDS = 5


class History:
    """What is known about one key."""

    def __init__(self, key):
        self.key = key
        self.attempts = 0
        # The number of the last write that was answered 200, 201 or 204.
        self.committed = 0
        # Later writes that were answered 202: they will take effect in their order.
        self.queued = set()
        # Writes of unknown outcome: the connection broke, or the answer was 503.
        self.unknown = set()

    def allowed(self, number):
        """Whether a read that begins now may return write `number`."""
        return (
            number == self.committed
            or number in self.unknown
            or (number in self.queued and number > self.committed)
        )

    @property
    def waits(self):
        """Whether its last write was queued, so that it may take effect later."""
        return any(number > self.committed for number in self.queued)

    def may_be_last(self, number):
        """Whether write `number` may be the value of the key once no write is in progress."""
        if number in self.unknown:
            return True
        return number == max(self.queued | {self.committed})


class Violation(Exception):
    """A promise was broken."""


class Load:
    """`writers` threads that write and read until `stop`. `asynchronous` is the share of writes
    with `respond-async`."""

    def __init__(
        self, ports, writers=8, keys=10, pause=0.0, prefix="load", timeout=15, asynchronous=0.0
    ):
        self.ports = ports
        self.keys = keys
        self.count_of_keys = writers * keys
        self.pause = pause
        self.prefix = prefix
        self.timeout = timeout
        self.asynchronous = asynchronous
        # The operations of answers 202.
        self.operations = []
        # (key, revision) of the answers 200 and 201.
        self.changes = []
        self.statuses = collections.Counter()
        self.violations = []
        self.errors = []
        self.histories = []
        self.slowest = 0.0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(number,), daemon=True)
            for number in range(writers)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        client = Client(self.ports, self.timeout)
        rng = random.Random(number)
        histories = [History(f"{self.prefix}-{number}-{key}") for key in range(self.keys)]
        with self.lock:
            self.histories += histories
        try:
            while not self.stopping.is_set():
                self.step(client, rng, rng.choice(histories))
                if self.pause:
                    self.stopping.wait(self.pause)
        except Exception as error:
            self.violations.append(error)
        finally:
            client.close()

    def step(self, client, rng, history):
        if rng.random() < 0.5:
            prefer = {"Prefer": "respond-async"} if rng.random() < self.asynchronous else {}
            self.write(client, history, **prefer)
        self.read(client, history)

    def write(self, client, history, **headers):
        history.attempts += 1
        number = history.attempts
        start = time.monotonic()
        try:
            answer = client.put(history.key, str(number), **headers)
        except Unreachable as error:
            history.unknown.add(number)
            return self.failed("PUT", error, start)
        self.count("PUT", answer, start)
        if answer.status in (200, 201):
            history.committed = number
            self.changes.append((history.key, answer.revision))
        elif answer.status == 202:
            history.queued.add(number)
            self.operations.append(answer.operation)
        elif answer.status == 503 and b"outcome-unknown" in answer.body:
            history.unknown.add(number)
        elif answer.status != 503:
            raise Violation(f"PUT {history.key}: {answer}")

    def read(self, client, history):
        start = time.monotonic()
        try:
            answer = client.get(history.key)
        except Unreachable as error:
            return self.failed("GET", error, start)
        self.count("GET", answer, start)
        if answer.status in (200, 404):
            self.check(history, answer, history.allowed)
        elif answer.status != 503:
            raise Violation(f"GET {history.key}: {answer}")

    def check(self, history, answer, allows):
        number = int(answer.body) if answer.status == 200 else 0
        if not allows(number):
            raise Violation(
                f"{history.key} is {number}: committed {history.committed}, "
                f"queued {sorted(history.queued)[-5:]}, unknown {sorted(history.unknown)[-5:]}, "
                f"from {answer.headers.get('Cache-Status')}"
            )

    def count(self, method, answer, start):
        with self.lock:
            self.statuses[method, answer.status] += 1
            self.slowest = max(self.slowest, time.monotonic() - start)

    def failed(self, method, error, start):
        with self.lock:
            self.statuses[method, "unreachable"] += 1
            self.errors.append(str(error))
            self.slowest = max(self.slowest, time.monotonic() - start)

    # After the load

    def seen(self, *statuses):
        """How many answers had one of `statuses`."""
        return sum(count for (_, status), count in self.statuses.items() if status in statuses)

    def check_last(self, client, seconds=60):
        """Waits until every key has its last value; fails if one has another value."""
        end = time.monotonic() + seconds
        for history in self.histories:
            while True:
                answer = client.get(history.key, Cache_Control="no-cache")
                if answer.status in (200, 404):
                    number = int(answer.body) if answer.status == 200 else 0
                    if history.may_be_last(number):
                        break
                if time.monotonic() > end:
                    self.check(history, answer, history.may_be_last)
                    raise Violation(f"{history.key}: {answer}")
                time.sleep(0.05)
            # All nodes return it. A worker updates the cache after its commit, which was visible
            # before.
            end_of_repair = time.monotonic() + (CACHE_SECONDS if history.waits else 0)
            for port in self.ports:
                while True:
                    answer = client.get(history.key, port=port)
                    number = int(answer.body) if answer.status == 200 else 0
                    if history.may_be_last(number):
                        break
                    if time.monotonic() > end_of_repair:
                        self.check(history, answer, history.may_be_last)
                    time.sleep(0.05)
