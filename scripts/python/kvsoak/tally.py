"""The answers of an interval: counts, latencies, failures."""

import collections
import threading

from loadtest.latencies import Latencies

# More than a run that goes well ever has; those above it are counted.
FAILURES_MAX = 20_000


class Tally:
    """Takes answers from many threads."""

    def __init__(self):
        self.failures = []
        # Failures that were not kept.
        self.beyond = 0
        self.total = 0
        self._lock = threading.Lock()
        self._begin_interval()

    def _begin_interval(self):
        self._answers = collections.Counter()
        self._latencies = {"read": Latencies(), "write": Latencies()}
        self._failed = 0

    def add(self, request, said, seconds):
        """An answer, with its status."""
        with self._lock:
            self.total += 1
            self._answers[f"{request.kind} {said}"] += 1
            kind = "read" if request.is_read else "write"
            self._latencies[kind].counts[int(seconds * 1_000_000)] += 1

    def fail(self, failure):
        """A failure, which is no answer to count."""
        with self._lock:
            self._failed += 1
            if len(self.failures) < FAILURES_MAX:
                self.failures.append(failure)
            else:
                self.beyond += 1

    def take(self):
        """The figures since the last call, for JSON."""
        with self._lock:
            answers, latencies, failed = self._answers, self._latencies, self._failed
            self._begin_interval()
        return {
            "requests": answers.total(),
            "failed": failed,
            "answers": dict(answers),
            "latency_ms": {
                kind: {"p50": found.percentile(50), "p99": found.percentile(99)}
                for kind, found in latencies.items()
            },
        }
