"""Processes under measurement: processor time, memory, start and stop."""

import os
import signal
import socket
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# The state of a listening socket in /proc/net/tcp.
LISTEN = "0A"


def _read(path):
    """A file of /proc; empty when the process has just ended."""
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ProcessTree:
    """A running process with its children."""

    def __init__(self, name, pid):
        self.name = name
        self.pid = pid

    def _ids(self):
        ids = [self.pid]
        for parent in ids:
            ids += [int(child) for child in _read(f"/proc/{parent}/task/{parent}/children").split()]
        return ids

    def cpu_seconds(self):
        """Never decreases: a parent includes the time of children that have ended."""
        total = 0
        for process in self._ids():
            # The name in parentheses may contain spaces: start behind it.
            fields = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
        return total / TICKS_PER_SECOND

    def rss_bytes(self):
        total = 0
        for process in self._ids():
            for line in _read(f"/proc/{process}/status").splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total


class Process(ProcessTree):
    """A process that this program starts, and stops by its id."""

    def __init__(self, name, command, environment=None, log=subprocess.DEVNULL, folder=None):
        self.child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        super().__init__(name, self.child.pid)

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


def listening(name, port):
    """The process that listens on a loopback port; of several, their ancestor."""
    inodes = set()
    for line in (_read("/proc/net/tcp") + _read("/proc/net/tcp6")).splitlines():
        fields = line.split()
        if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit()]
    holders = {pid for pid in pids if inodes & set(_descriptors(pid))}
    for pid in sorted(holders):
        parent = int(_read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
        if parent not in holders:
            return ProcessTree(name, pid)
    raise RuntimeError(f"{name}: nothing listens on port {port}")


def _descriptors(pid):
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
