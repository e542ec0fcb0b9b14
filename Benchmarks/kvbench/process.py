"""A process under measurement: its processor time, its memory, its end."""

import os
import signal
import socket
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """Started by us, ended by its id. `cpu_seconds` and `rss_bytes` include its children."""

    def __init__(self, name, command, environment=None, log=subprocess.DEVNULL):
        self.name = name
        self.child = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def _ids(self):
        ids = [self.child.pid]
        for parent in ids:
            with open(f"/proc/{parent}/task/{parent}/children") as children:
                ids += [int(child) for child in children.read().split()]
        return ids

    def cpu_seconds(self):
        total = 0
        for process in self._ids():
            with open(f"/proc/{process}/stat") as stat:
                # The name in round brackets may hold spaces: count from behind it.
                fields = stat.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS_PER_SECOND

    def rss_bytes(self):
        total = 0
        for process in self._ids():
            with open(f"/proc/{process}/status") as status:
                for line in status:
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1]) * 1024
        return total

    def wait_until(self, is_ready, seconds_max=30):
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.name} ended with code {self.child.returncode}")
            if is_ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} was not ready within {seconds_max} s")

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def accepts(port):
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
