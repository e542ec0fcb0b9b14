"""Processes under measurement: processor time, memory, start and stop."""

import os
import signal
import socket
import subprocess
import time

from kvcluster import listeners, processes


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

    def cpu_seconds(self):
        return processes.processor_seconds(self.pid)

    def open_files(self):
        """The descriptors of the process itself."""
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except (FileNotFoundError, ProcessLookupError):
            return 0

    def rss_bytes(self):
        total = 0
        for process in processes.tree(self.pid):
            for line in _read(f"/proc/{process}/status").splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total


class Together:
    """Several processes, counted as one."""

    def __init__(self, name, processes):
        self.name = name
        self._processes = list(processes)

    def cpu_seconds(self):
        return sum(process.cpu_seconds() for process in self._processes)

    def rss_bytes(self):
        return sum(process.rss_bytes() for process in self._processes)


class Process(ProcessTree):
    """A process that this program starts, and stops by its id."""

    def __init__(self, name, command, environment=None, log=subprocess.DEVNULL, folder=None):
        start = time.monotonic()
        self.child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        super().__init__(name, self.child.pid)
        self._start = start
        # From its start until it was ready, exact to `every` of wait_until.
        self.start_seconds = None

    def wait_until(self, is_ready, seconds_max=30, every=0.05):
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.name} ended with code {self.child.returncode}")
            if is_ready():
                self.start_seconds = time.monotonic() - self._start
                return
            time.sleep(every)
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
    pids = set(listeners.holders(port))
    for pid in sorted(pids):
        process = processes.stat(pid)
        if process and process.parent not in pids:
            return ProcessTree(name, pid)
    raise RuntimeError(f"{name}: nothing listens on port {port}")
