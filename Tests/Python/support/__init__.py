"""What the Python suites share: paths, ports, and waiting."""

import socket
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# The folder of kv-api, kv-worker and kv-autoscaler; conftest.py sets it from --binaries.
BINARIES = ROOT / ".build" / "debug"
# The database of the class that is running, "postgres" or "cockroach"; conftest.py sets it.
DATABASE = "postgres"


def free_port():
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """Polls until the condition is true, and returns its value.

    `what` names what is missing after that time; a function gives the whole message.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            message = what() if callable(what) else f"no {what}"
            raise AssertionError(f"{message} after {seconds} s")
        time.sleep(0.05)
    return found
