"""A small load that goes on beside something else, and what that costs it: 8 clients, each of which
GETs small cached values, one after the other."""

import threading
import time
from dataclasses import dataclass, field

from ..load import Run, told
from ..memory import Peak
from ..report import Row, judged
from ..turns import say

MEBIBYTE = 1 << 20
CLIENTS, KEYS = 8, 1_000
PREFIX = "limits/small/"
P99_MILLISECONDS = 50
# What KV_BODY_BUFFER_BYTES and KV_ANSWER_BUFFER_BYTES allow by default.
RSS_MEBIBYTES = 512
# Until the server has closed what was left to it: its deadlines are 10 s.
SETTLE_SECONDS_MAX = 20
# Connections of those that observe.
FILES_MORE_MAX = 10


class Background(threading.Thread):
    """A load that runs meanwhile; `result` waits for it."""

    def __init__(self, load, seconds):
        super().__init__(daemon=True)
        self._load, self._seconds = load, seconds
        self._run, self._error = None, None
        self.start()

    def run(self):
        try:
            self._run = self._load(self._seconds)
        except Exception as error:
            self._error = error

    def result(self):
        self.join()
        if self._error:
            raise self._error
        return self._run


@dataclass(frozen=True)
class State:
    """What a process has."""

    rss: int
    files: int

    @classmethod
    def of(cls, process):
        return cls(process.rss_bytes(), process.open_files())


@dataclass
class Beside:
    """The normal load alone and beside something, and what the server had before, at most and after
    that. `trouble`: what else was wrong, as text."""

    alone: Run
    beside: Run
    before: State
    after: State
    rss_most: int
    files_most: int
    trouble: list = field(default_factory=list)

    def rows(self, name, told_of_it=""):
        return [self._latency(name), *self._said(told_of_it), self._memory(), self._files()]

    def _latency(self, name):
        alone, beside = (run.latencies.percentile(99) for run in (self.alone, self.beside))
        rates = f"{self.beside.per_second:,.0f}/s, alone {self.alone.per_second:,.0f}/s"
        if beside is None:
            return judged(Row(name, rates), f"p99 < {P99_MILLISECONDS} ms", "no answer", False)
        row = Row(name, f"small GETs: {rates}; p99 {beside:,.1f} ms, alone {alone:,.1f} ms")
        reached = f"{beside:,.1f} ms"
        if self.beside.failed:
            reached += f"; {told(self.beside.failed)}"
        passes = beside < P99_MILLISECONDS and not self.beside.failed
        return judged(row, f"p99 < {P99_MILLISECONDS} ms, none fails", reached, passes)

    def _said(self, text):
        if not text and not self.trouble:
            return []
        row = Row("  what it met", text)
        return [judged(row, "as it should be", "; ".join(self.trouble) or "yes", not self.trouble)]

    def _memory(self):
        sizes = (self.before.rss, self.rss_most, self.after.rss)
        before, most, after = (size / MEBIBYTE for size in sizes)
        row = Row("  RSS", f"{before:.0f} MiB before, {after:.0f} MiB after")
        return judged(
            row, f"≤ {RSS_MEBIBYTES} MiB", f"{most:.0f} MiB", most <= RSS_MEBIBYTES)

    def _files(self):
        row = Row(
            "  descriptors", f"{self.before.files:,} before, at most {self.files_most:,}")
        left = self.after.files - self.before.files
        return judged(row, "all returned", f"{left:+,}", left <= FILES_MORE_MAX)


def prepare(target):
    target.store(PREFIX, KEYS)


def load(target):
    return target.load("get", PREFIX, KEYS, users=CLIENTS)


def measure(target, other, seconds):
    """`other(process)` is a context manager: what goes on beside the load. Returns `Beside`."""
    normal = load(target)
    normal(1)
    before = State.of(target.process)
    alone = normal(seconds)
    with Peak(target.process) as peak:
        with other:
            beside = normal(seconds)
            files_most = target.process.open_files()
        say(f"  p99 {beside.latencies.percentile(99)} ms, alone {alone.latencies.percentile(99)}")
        after = _settled(target.process, before)
    most = max(peak.bytes, after.rss)
    return Beside(alone, beside, before, after, most, files_most)


def _settled(process, before):
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        state = State.of(process)
        if state.files <= before.files + FILES_MORE_MAX or time.monotonic() > deadline:
            return state
        time.sleep(0.2)
