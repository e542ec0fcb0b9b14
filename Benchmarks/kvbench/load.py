"""What produces load, and what it says afterwards."""

import os
import re
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field

CONNECTIONS = 64
THREADS = 2
SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "wrk")


@dataclass
class Run:
    """One run of one contender: its rate, and the processor time for each request.

    `cpu_microseconds` is what serves the requests, `behind_microseconds` what that calls upon.
    `failed` is how many were not answered as they should be, by what they met: the rate is that
    of the others.
    """

    per_second: float
    cpu_microseconds: float
    behind_microseconds: float = 0
    failed: dict = field(default_factory=dict)


class Clock:
    """The processor time of some processes since it was made."""

    def __init__(self, processes):
        self.processes = processes
        self.before = self.total()

    def total(self):
        return sum(process.cpu_seconds() for process in self.processes)

    def microseconds_each(self, count):
        return (self.total() - self.before) / max(1, count) * 1e6


def wrk(
    url,
    seconds,
    cpu_of,
    behind=(),
    script=None,
    arguments=(),
    allows_errors=False,
    connections=CONNECTIONS,
    wanted=(200, 201),
):
    """Runs wrk against a URL that the processes `cpu_of` serve with the help of those `behind`.

    Where a script counts statuses, `wanted` says which are those of a success; else they are all
    below 400. Without `allows_errors` anything else is an error.
    """
    command = ["wrk", f"-t{min(THREADS, connections)}", f"-c{connections}", f"-d{seconds}s"]
    if script:
        command += ["-s", os.path.join(SCRIPTS, script)]
    clock, clock_behind = Clock(cpu_of), Clock(behind)
    # By the clock of this run: wrk's own duration leaves out how it winds up.
    output = subprocess.run(
        [*command, url, *(["--", *arguments] if arguments else [])],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    bad = _bad_answers(output, wanted)
    failed = {**bad, **_socket_errors(output)}
    if failed and not allows_errors:
        raise RuntimeError(f"{cpu_of[0].name}: {requests} requests, of them {told(failed)}")
    good = max(0, requests - sum(bad.values())) / max(1, requests)
    return Run(
        float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)) * good,
        clock.microseconds_each(requests),
        clock_behind.microseconds_each(requests),
        failed,
    )


def _bad_answers(output, wanted):
    """Answers that are no success, by status where the script has counted them."""
    statuses = Counter()
    for status, count in re.findall(r"^Status (\d+): (\d+)$", output, re.M):
        statuses[int(status)] += int(count)
    if statuses:
        return {
            str(status): count
            for status, count in sorted(statuses.items())
            if status not in wanted
        }
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return {"status ≥ 400": int(failed.group(1))} if failed else {}


def _socket_errors(output):
    """What was not answered at all, or after more than 2 s."""
    failed = re.search(r"Socket errors: (.*)", output)
    errors = re.findall(r"(\w+) (\d+)", failed.group(1)) if failed else []
    return {name: int(count) for name, count in errors if int(count)}


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
    """One row a commit, in the program sqlite_rows.c; its own processor time is what counts."""
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
