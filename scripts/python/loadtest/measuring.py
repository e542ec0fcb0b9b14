"""Measures a mode: a warm-up, then intervals."""

import collections
from dataclasses import dataclass, field

from .latencies import Latencies

WARM_UP_SECONDS = 1


@dataclass
class Measurement:
    """All intervals of a mode."""

    mode: str
    intervals: list = field(default_factory=list)

    @property
    def seconds(self):
        return sum(interval.seconds for interval in self.intervals)

    @property
    def requests(self):
        return sum(interval.requests for interval in self.intervals)

    @property
    def bytes(self):
        return sum(interval.bytes for interval in self.intervals)

    @property
    def latencies(self):
        all_of_them = Latencies()
        for interval in self.intervals:
            all_of_them.add(interval.latencies)
        return all_of_them

    @property
    def statuses(self):
        """Answers by status, as far as they were counted."""
        return sum((interval.statuses for interval in self.intervals), collections.Counter())

    def failures(self, interval):
        """Errors of an interval, by status or by kind of connection error."""
        failed = collections.Counter()
        for name in ("connect", "read", "write", "timeout"):
            failed[name] = interval.errors[name]
        known = 0
        for status, count in interval.statuses.items():
            if status > 399:
                known += count
                if not is_expected(self.mode, status):
                    failed[str(status)] = count
        # Only where statuses were not counted.
        failed["unknown status"] = max(0, interval.errors["status"] - known)
        if not interval.requests and not +failed:
            failed["no answer"] = 1
        return +failed


def is_expected(mode, status):
    """In these modes a key may have been deleted before."""
    return status == 404 and mode in ("mixed", "delete")


class Measuring:
    """Measures mode after mode on one store."""

    def __init__(self, options, generator, store, progress):
        self.options = options
        self.generator = generator
        self.store = store
        self.progress = progress
        # The highest number of a key so far.
        self.numbers = 0

    def prepare(self, count):
        """Stores new keys. Returns the first and the last number."""
        first, last = self.numbers + 1, self.numbers + count
        self.store.prepare(first, last, self.progress.preparing)
        self.numbers = last
        return first, last

    def measure(self, mode):
        """Measures one mode."""
        measurement = Measurement(mode)
        keys = self.prepare(self.options.keys)
        self.progress.begin(mode, self.options.duration)
        counts_statuses, last = True, None
        warm_up = min(WARM_UP_SECONDS, self.options.interval)
        for seconds in [warm_up, *self._lengths()]:
            if last is not None and mode == "delete":
                # Twice as many as were deleted in the last interval.
                expected = int(2 * last.per_second * seconds)
                keys = self.prepare(max(self.options.keys, expected))
            interval = self.generator.run(mode, seconds, *keys, counts_statuses=counts_statuses)
            if last is not None:
                measurement.intervals.append(interval)
                self.progress.show(measurement)
            # See load.lua: statuses of reads are not counted as long as there are no errors.
            counts_statuses = (
                mode != "get"
                or interval.errors["status"] > 0
                or (counts_statuses and last is not None)
            )
            last = interval
        self.progress.end()
        return measurement

    def _lengths(self):
        """The seconds of each interval."""
        whole, rest = divmod(self.options.duration, self.options.interval)
        return [self.options.interval] * whole + ([rest] if rest else [])
