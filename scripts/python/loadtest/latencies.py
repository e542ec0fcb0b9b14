"""The latencies of requests."""

import collections
import math


class Latencies:
    """A histogram: the number of requests by microseconds. Unlike percentiles, histograms can be
    added."""

    def __init__(self, counts=()):
        self.counts = collections.Counter(dict(counts))

    def add(self, other):
        self.counts.update(other.counts)

    def __len__(self):
        return sum(self.counts.values())

    @property
    def max(self):
        """The maximum in milliseconds; None without requests."""
        return max(self.counts) / 1000 if self.counts else None

    def percentile(self, share):
        """The milliseconds within which `share` percent of the requests were answered."""
        wanted = max(1, math.ceil(len(self) * share / 100))
        passed = 0
        for microseconds in sorted(self.counts):
            passed += self.counts[microseconds]
            if passed >= wanted:
                return microseconds / 1000
        return None

    def figures(self):
        """The percentiles that are reported."""
        return {
            "p50": self.percentile(50),
            "p95": self.percentile(95),
            "p99": self.percentile(99),
            "max": self.max,
        }
