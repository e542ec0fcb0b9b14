"""An open loop of requests: open_loop.c, and what it reports."""

import json
import os
import subprocess
from dataclasses import dataclass

# The cores are shared with the servers.
THREADS = min(2, os.cpu_count() or 1)
# To connect before the load, and to wait for the last answers after it.
MORE_SECONDS_MAX = 60


@dataclass(frozen=True)
class Report:
    """`each` has the figures of each second, `all` those of all with the last answers."""

    seconds: int
    each: list
    all: dict

    @property
    def accepted_per_second(self):
        """Without answers that came after the last second."""
        return sum(one["accepted"] for one in self.each) / self.seconds

    @property
    def sent_per_second(self):
        return self.all["sent"] / self.seconds

    @property
    def cores(self):
        """What the generator itself used."""
        return self.all["cpu_seconds"] / self.seconds

    @property
    def unexpected(self):
        """Answers and ends of connections that are no orderly refusal, by name."""
        statuses = {
            f"status {status}": count
            for status, count in self.all["statuses"].items()
            if int(status) >= 400 and status not in ("429", "503")
        }
        names = ("refused_without_retry_after", "unconnected", "broken", "unanswered")
        others = {name.replace("_", " "): self.all[name] for name in names if self.all[name]}
        return statuses | others


def run(program, port, request, rate, seconds, connections, keys=1):
    """Sends `request` (bytes) at `rate` a second; its first `@` is a number up to `keys`."""
    numbers = [port, f"{rate:.3f}", seconds, connections, THREADS, keys]
    done = subprocess.run(
        [program, *map(str, numbers)],
        input=request,
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + MORE_SECONDS_MAX,
    )
    *each, together = map(json.loads, done.stdout.splitlines())
    return Report(seconds, each, together)
