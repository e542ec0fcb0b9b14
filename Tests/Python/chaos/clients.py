"""Clients that read and write the same keys at the same time, and note everything."""

import collections
import contextlib
import itertools
import random
import threading

from support.client import Client

from .history import DONE, STEP, History, Operation
from .requests import Requests, new_name

# How many keys are in use at a time, and how many operations a key gets before another one
# replaces it: a check takes longer than the history is long.
KEYS = 10
OPERATIONS_MAX = 160

# How long a client waits for an answer: longer than a kv-api tries to find an outcome.
ANSWER_SECONDS = 20

# How often each operation is chosen. Its words: what it is, and how.
MIX = {
    "read": 16, "cached": 30,
    "put": 16, "put match": 8, "put absent": 4, "put name": 4, "put name match": 2,
    "put async": 6, "put async match": 2, "put wait": 3,
    "delete": 4, "delete match": 1, "delete async": 2, "delete name": 1,
    "add": 4, "add name": 4,
}


class Keys:
    """The keys that are in use, and the histories of all that have been in use since `renew`."""

    def __init__(self, prefix):
        self.prefix = prefix
        self._numbers = itertools.count(1)
        self._values = itertools.count(1)
        self._lock = threading.Lock()
        self._histories = []
        self._used = []
        # How many operations on each key are under way.
        self._under_way = collections.Counter()
        self.renew()

    @contextlib.contextmanager
    def chosen(self, rng):
        """Lends the history of a key in use, for one operation."""
        with self._lock:
            place = rng.randrange(len(self._used))
            if len(self._used[place].operations) >= OPERATIONS_MAX:
                self._used[place] = self._new()
            history = self._used[place]
            self._under_way[history.key] += 1
        try:
            yield history
        finally:
            with self._lock:
                self._under_way[history.key] -= 1

    def are_lent(self, histories):
        """Whether an operation on one of these is under way."""
        with self._lock:
            return any(self._under_way[history.key] for history in histories)

    def renew(self):
        """Replaces all keys. Returns the histories of the old ones."""
        with self._lock:
            old, self._histories = self._histories, []
            self._used = [self._new() for _ in range(KEYS)]
            return old

    def value(self):
        """A value that was never written before."""
        return next(self._values) * STEP

    def _new(self):
        history = History(f"{self.prefix}-{next(self._numbers)}")
        self._histories.append(history)
        return history


class ChaosClient:
    """One client, in a thread of its own until `stop`. It has at most one request in flight."""

    def __init__(self, name, ports, keys, run, seed, pause):
        self.name = name
        self.ports = ports
        self._keys = keys
        self._pause = pause
        self._rng = random.Random(f"{seed} {name}")
        self._client = Client(ports, ANSWER_SECONDS)
        self._requests = Requests(self._client, name, run.clock, run.complain, run.note)
        self._run = run
        self._stopping = threading.Event()
        self._may_work = threading.Event()
        self._may_work.set()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self._thread.start()

    def rest(self):
        """Begins no operation until `go_on`."""
        self._may_work.clear()

    def go_on(self):
        self._may_work.set()

    def stop(self):
        self._stopping.set()
        self._may_work.set()

    def join(self):
        self._thread.join()

    def _work(self):
        try:
            while not self._stopping.wait(self._pause * self._rng.random() * 2):
                self._may_work.wait()
                with self._keys.chosen(self._rng) as history:
                    self.step(history)
        except Exception as error:
            self._run.fail(error)
        finally:
            self._client.close()

    def step(self, history):
        """One operation on a key."""
        words = self._rng.choices(list(MIX), MIX.values())[0].split()
        port = self._rng.choice(self.ports)
        operation = Operation(self.name, words[0], self._run.clock())
        if operation.is_write:
            self._write(history, operation, words[1:], port)
        elif self._requests.read(operation, history.key, port):
            history.operations.append(operation)

    def _write(self, history, operation, words, port):
        if operation.kind == "put":
            operation.value = self._keys.value()
        elif operation.kind == "add":
            operation.amount = self._rng.randint(1, 999)
        if "match" in words:
            operation.condition = _last_revision(history)
        if "absent" in words:
            operation.condition = "absent"
        if "name" in words:
            operation.name = new_name()
        prefer = "respond-async" if "async" in words else None
        if "wait" in words:
            prefer = "respond-async, wait=3"
        # At once, because it counts even if this client is never told what became of it.
        history.operations.append(operation)
        self._requests.write(operation, history.key, port, prefer)


def _last_revision(history):
    """The revision that was seen last; None: the write has no condition."""
    for operation in reversed(history.operations[-20:]):
        if operation.revision is not None and operation.outcome == DONE:
            return operation.revision
    return None
