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
    """One run of one contender."""

    per_second: float
    cpu_microseconds: float


def wrk(server, url, seconds, script=None, cpu_of=(), allows_errors=False):
    """Runs wrk against a URL. `cpu_of` are the processes that serve it: all that work for it."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if script:
        command += ["-s", os.path.join(SCRIPTS, script)]
    processes = cpu_of or (server,)
    before = sum(process.cpu_seconds() for process in processes)
    # By the clock of this run: wrk's own duration leaves out how it winds up.
    output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    cpu = sum(process.cpu_seconds() for process in processes) - before
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", output)
    if failed and not allows_errors:
        raise RuntimeError(f"{server.name}: {failed.group(0)}")
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    return Run(per_second, cpu / requests * 1e6)


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
