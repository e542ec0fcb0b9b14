"""What produces load, and what it reports."""

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from loadtest.generator import USERS, Generator, Load
from loadtest.latencies import Latencies

CONNECTIONS = USERS
VALUE = "v" * 100
# Requests that take longer have failed.
TIMEOUT_SECONDS = 2
# Writes repeat after this many keys, so that both new and replaced rows occur.
KEYS_WRITTEN = 100_000


@dataclass
class Run:
    """One run of one contender: its rate, and the processor time for each request.

    `cpu_microseconds` is the time of the serving processes, `behind_microseconds` that of the
    services behind them. `failed` counts requests without a proper answer, by error; the rate is
    that of the others. `latencies` has some if wrk has measured.
    """

    per_second: float
    cpu_microseconds: float
    behind_microseconds: float = 0
    failed: dict = field(default_factory=dict)
    latencies: Latencies = field(default_factory=Latencies)


class Clock:
    """The processor time of processes since the creation of this object."""

    def __init__(self, processes):
        self.processes = processes
        self.before = self.total()

    def total(self):
        return sum(process.cpu_seconds() for process in self.processes)

    def microseconds_each(self, count):
        return (self.total() - self.before) / max(1, count) * 1e6


def requests(url, path, **more):
    """Requests for keys, one after the other; `more` are fields of `Load`."""
    settings = {
        "users": CONNECTIONS,
        "value": VALUE.encode(),
        "distribution": "sequence",
        "timeout_seconds": TIMEOUT_SECONDS,
    }
    return Load(url, path, **settings | more)


def wrk(load, mode, seconds, cpu_of, behind=(), keys=1, wanted=None, allows_errors=False):
    """Runs wrk against what the processes `cpu_of` serve with the help of those `behind`.

    mode: one of load.lua's.
    keys: how many there are, from number 1 on.
    wanted: the statuses of a success; without them statuses are not counted, and all below 400 are.
    allows_errors: without it, anything else is an error.
    """
    with tempfile.TemporaryDirectory(prefix="kv-bench-") as folder:
        generator = Generator(load, folder)
        clock, clock_behind = Clock(cpu_of), Clock(behind)
        found = generator.run(mode, seconds, 1, keys, counts_statuses=wanted is not None)
        cpu, cpu_behind = (one.microseconds_each(found.requests) for one in (clock, clock_behind))
    bad = _bad_answers(found, wanted)
    failed = bad | {
        name: count for name, count in found.errors.items() if count and name != "status"
    }
    if failed and not allows_errors:
        raise RuntimeError(f"{cpu_of[0].name}: {found.requests} requests, of them {told(failed)}")
    good = max(0, found.requests - sum(bad.values())) / max(1, found.requests)
    return Run(found.per_second * good, cpu, cpu_behind, failed, found.latencies)


def _bad_answers(found, wanted):
    """Answers that are no success, by status if statuses were counted."""
    if wanted is None:
        count = found.errors["status"]
        return {"status ≥ 400": count} if count else {}
    return {
        str(status): count
        for status, count in sorted(found.statuses.items())
        if status not in wanted
    }


def told(failed):
    """Counts by name, as text."""
    return ", ".join(f"{name}: {count:,}" for name, count in failed.items())


def redis_benchmark(redis, seconds):
    """GET through redis-benchmark, which counts requests instead of seconds."""
    requests = 70_000 * seconds
    before = redis.cpu_seconds()
    output = subprocess.run(
        ["redis-benchmark", "-p", str(redis.port), "-c", str(CONNECTIONS), "-n", str(requests)]
        + ["-t", "get", "--csv"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    cpu = redis.cpu_seconds() - before
    per_second = float(re.search(r'"GET","([\d.]+)"', output).group(1))
    return Run(per_second, cpu / requests * 1e6)


def sqlite_rows(program, database, seconds):
    """One row for each commit, written by sqlite_rows.c, whose own processor time counts."""
    before = os.times()
    start = time.monotonic()
    output = subprocess.run(
        [program, database, str(seconds)], check=True, capture_output=True, text=True
    ).stdout
    elapsed = time.monotonic() - start
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    rows = int(output)
    return Run(rows / max(elapsed, seconds), cpu / rows * 1e6)
