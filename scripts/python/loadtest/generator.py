"""One run of wrk: its input and its results."""

import collections
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LoadTestError
from .latencies import Latencies

SCRIPT = Path(__file__).with_name("load.lua")
PACKAGES = Path(__file__).resolve().parents[2] / "packages"
THREADS_MAX = 2
USERS = 64
# To connect and prepare before the load, and to end after it.
END_SECONDS_MAX = 180


@dataclass
class Load:
    """What the users of a store send.

    path, suffix: of a key, before and after its number.
    distribution: which keys are chosen: "uniform", "zipf", or "sequence", one after the other.
    prefer: the field `Prefer` of writes.
    timeout_seconds: wrk counts requests that take longer as timeouts.
    """

    url: str
    path: str
    suffix: str = ""
    users: int = USERS
    value: bytes = b""
    distribution: str = "uniform"
    token: str | None = None
    prefer: str | None = None
    timeout_seconds: int = 30


@dataclass
class Interval:
    """The figures of one run."""

    seconds: float = 0.0
    requests: int = 0
    bytes: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    # By status; empty if they were not counted.
    statuses: dict = field(default_factory=collections.Counter)
    # connect, read, write, timeout: errors of connections. status: answers above 399.
    errors: dict = field(default_factory=collections.Counter)

    @property
    def per_second(self):
        return self.requests / self.seconds if self.seconds else 0.0


class Generator:
    """wrk with load.lua."""

    def __init__(self, load, folder):
        self.load = load
        self.result = Path(folder) / "result"
        self.value = Path(folder) / "value"
        self.value.write_bytes(load.value)
        self.threads = min(THREADS_MAX, load.users, os.cpu_count() or 1)
        self.program = find()

    def run(self, mode, seconds, first, last, counts_statuses):
        """Sends for that long; `first` and `last` are the numbers of the keys. load.lua describes
        the modes."""
        load = self.load
        self.result.unlink(missing_ok=True)
        command = [self.program, f"-t{self.threads}", f"-c{load.users}", f"-d{seconds}s"]
        command += [f"--timeout={load.timeout_seconds}s", "-s", str(SCRIPT), load.url]
        settings = {
            "MODE": mode,
            "PATH": load.path,
            "SUFFIX": load.suffix,
            "FIRST": first,
            "LAST": last,
            "DISTRIBUTION": load.distribution,
            "VALUE": self.value,
            "TOKEN": load.token,
            "PREFER": load.prefer,
            "THREADS": self.threads,
            "STATUSES": "count" if counts_statuses else None,
            "RESULT": self.result,
        }
        chosen = {f"KV_LOAD_{name}": str(text) for name, text in settings.items() if text}
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **chosen},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=seconds + END_SECONDS_MAX,
            )
        except subprocess.TimeoutExpired:
            raise LoadTestError(
                f"wrk did not end within {END_SECONDS_MAX} s after its {seconds} s"
            ) from None
        if "unable to connect to" in done.stdout:
            # The store has stopped since it was checked. wrk exits at once; users would continue.
            time.sleep(seconds)
            refused = collections.Counter(connect=load.users)
            return Interval(seconds=float(seconds), errors=refused)
        if done.returncode != 0 or not self.result.exists():
            raise LoadTestError(f"wrk failed:\n{done.stdout.strip()}")
        return parse(self.result.read_text(encoding="ascii"))


def parse(text):
    """Parses the file that load.lua has written."""
    interval = Interval()
    for line in text.splitlines():
        *names, number = line.split()
        match names:
            case ["seconds"]:
                interval.seconds = float(number)
            case ["requests" | "bytes" as name]:
                setattr(interval, name, int(number))
            case ["error", name]:
                interval.errors[name] = int(number)
            case ["status", status]:
                interval.statuses[int(status)] += int(number)
            case ["latency", microseconds]:
                interval.latencies.counts[int(microseconds)] = int(number)
    return interval


def find():
    """The path of wrk, which is installed if it is missing."""
    if not shutil.which("wrk"):
        subprocess.run([PACKAGES, "load"], check=False)
    program = shutil.which("wrk")
    if not program:
        raise LoadTestError("wrk is missing. On Debian: apt-get install wrk")
    return program
