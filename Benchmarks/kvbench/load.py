"""What produces load, and what it says afterwards."""

import os
import re
import subprocess
import time
from dataclasses import dataclass

CONNECTIONS = 64
SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "wrk")


@dataclass
class Run:
    """One run of one contender: its rate, and the processor time for each request.

    `cpu_microseconds` is what serves the requests, `behind_microseconds` what that calls upon.
    """

    per_second: float
    cpu_microseconds: float
    behind_microseconds: float = 0


class Clock:
    """The processor time of some processes since it was made."""

    def __init__(self, processes):
        self.processes = processes
        self.before = self.total()

    def total(self):
        return sum(process.cpu_seconds() for process in self.processes)

    def microseconds_each(self, count):
        return (self.total() - self.before) / max(1, count) * 1e6


def wrk(url, seconds, cpu_of, behind=(), script=None, arguments=(), allows_errors=False):
    """Runs wrk against a URL that the processes `cpu_of` serve with the help of those `behind`."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s"]
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
    run = Run(
        float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
        clock.microseconds_each(requests),
        clock_behind.microseconds_each(requests),
    )
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", output)
    if failed and not allows_errors:
        raise RuntimeError(f"{cpu_of[0].name}: {failed.group(0)} of {requests} requests")
    return run


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
