"""The end of a round: what was queued is decided, every node returns the same, and watchers have
seen everything. Then the histories of the round's keys are checked."""

import time

from support.client import Client

from . import checks, events
from .history import DONE, QUEUED, History, Operation, Violation
from .requests import Requests, state_of

# A client may be in the middle of a request, or of repeating one.
LEAVING_SECONDS = 45
# How long the cache of a node may lack a write that nobody acknowledged.
CONVERGING_SECONDS = 10
# Between two attempts.
PAUSE = 0.1


class Settling:
    """Settles and checks the histories of a round within `seconds`."""

    def __init__(self, run, nodes, keys, watchers, seconds, meanwhile=lambda: None):
        """meanwhile: is called again and again while something is waited for."""
        self._run = run
        self._nodes = nodes
        self._keys = keys
        self._watchers = watchers
        self._seconds = seconds
        self._meanwhile = meanwhile
        self._client = Client(nodes, 10)
        # Its requests are no load, and not counted.
        self._requests = Requests(
            self._client, "closer", run.clock, run.complain, lambda *answer: None
        )

    def check(self, histories):
        """Returns the violations of all promises, and the histories as they were checked."""
        self._wait_for_clients(histories)
        end = time.monotonic() + self._seconds
        found, settled = [], []
        for history in histories:
            # A client that still waits for an answer must not change what is being checked.
            history = History.of(history.key, *history.operations)
            settled.append(history)
            self._decide(history, end)
            found += self._close(history, end)
        for history in settled:
            found += checks.check(history) + self._check_events(history, end)
        return found, settled

    def _wait_for_clients(self, histories):
        end = time.monotonic() + LEAVING_SECONDS
        while self._keys.are_lent(histories) and time.monotonic() < end:
            time.sleep(PAUSE)

    def _decide(self, history, end):
        """Asks for the states of the queued writes."""
        for operation in history.operations:
            if operation.outcome != QUEUED:
                continue
            while True:
                answer = state_of(self._client, operation.queued_as)
                if answer and answer[0] != "queued":
                    operation.state, operation.revision = answer
                    operation.end = self._run.clock()
                    break
                if time.monotonic() > end:
                    operation.state = operation.state or "queued"
                    break
                self._wait()

    def _close(self, history, end):
        """Reads and writes the key a last time, and reads it from the cache of every node."""
        self._until_answered(lambda: self._read(history, "read"), end)
        if self._until_answered(lambda: self._put(history), end) is None:
            late = f"{self._seconds:g} s after the round (--patience)"
            return [Violation("recovers", history.key, f"it can't be written {late}")]
        converged = time.monotonic() + CONVERGING_SECONDS
        while True:
            last = self._until_answered(lambda: self._read(history, "read"), end)
            cached = [self._read(history, "cached", port) for port in self._nodes]
            if last and all(one and one.revision == last.revision for one in cached):
                return []
            if time.monotonic() > converged:
                answers = [one for one in [last, *cached] if one]
                return [Violation("converges", history.key, "nodes differ", answers)]
            time.sleep(PAUSE)

    def _until_answered(self, step, end):
        while (found := step()) is None:
            if time.monotonic() > end:
                return None
            self._wait()
        return found

    def _wait(self):
        self._meanwhile()
        time.sleep(PAUSE)

    def _read(self, history, kind, port=None):
        operation = Operation("closer", kind, self._run.clock())
        if not self._requests.read(operation, history.key, port):
            return None
        history.operations.append(operation)
        return operation

    def _put(self, history):
        operation = Operation("closer", "put", self._run.clock(), value=self._keys.value())
        history.operations.append(operation)
        self._requests.write(operation, history.key, prefer="handling=strict")
        return operation if operation.outcome == DONE else None

    def _check_events(self, history, end):
        known = checks.resolve(history.ordered())
        while found := events.check(self._watchers, history, known):
            if time.monotonic() > end:
                late = f"after {self._seconds:g} s (--patience)"
                for violation in found:
                    violation.message += f", {late}"
                break
            self._wait()
        for watcher in self._watchers:
            watcher.forget(history.key)
        return found
