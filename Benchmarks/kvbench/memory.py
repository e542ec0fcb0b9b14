"""Memory: at rest, with many idle connections, and over time under load."""

import resource
import socket
import threading
import time

from .load import requests, wrk

CONNECTIONS_IDLE = 10_000
FILES_NEEDED = 2 * CONNECTIONS_IDLE
KEYS_MIXED = 10_000


def raise_file_limit(needed=FILES_NEEDED, least=CONNECTIONS_IDLE + 200):
    """Raises the limit of open files, as root beyond the hard limit. Returns the new one. Less than
    `least` is an error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
        return needed
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < least:
        raise RuntimeError(
            f"{least:,} open files are needed, and the limit is {hard:,}: raise it with"
            f" `ulimit -n {needed}` as root"
        )
    return hard


class Peak:
    """The most memory that a process had within a `with` block."""

    def __init__(self, process):
        self._process = process
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.bytes = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        while not self._is_over.wait(0.2):
            self.bytes = max(self.bytes, self._process.rss_bytes())


def rss_with_idle_connections(server):
    """RSS before, and with 10,000 idle connections after one request on each."""
    before = server.rss_bytes()
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    open_sockets = []
    try:
        for _ in range(CONNECTIONS_IDLE):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            open_sockets.append(connection)
            connection.sendall(request)
            if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"connection {len(open_sockets)} was refused")
        return before, server.rss_bytes()
    finally:
        for connection in open_sockets:
            connection.close()


def soak(server, seconds, report):
    """RSS in bytes during a mixed load, with the second of each sample."""
    failure = []

    def load():
        try:
            mixed = requests(server.url, "/kv/mixed/", distribution="uniform")
            # Reads of deleted keys are answered 404.
            wrk(mixed, "mixed", seconds, (server,), keys=KEYS_MIXED, allows_errors=True)
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=load)
    samples = []
    start = time.monotonic()
    thread.start()
    while thread.is_alive():
        thread.join(max(1, seconds / 60))
        samples.append((time.monotonic() - start, server.rss_bytes()))
        report(f"  {samples[-1][0]:5.0f} s  {samples[-1][1] / 2**20:.1f} MiB")
    if failure:
        raise failure[0]
    return samples


def slope(samples):
    """Bytes a second by least squares, without the first third, which warms up."""
    end = samples[-1][0]
    points = [(second, rss) for second, rss in samples if second >= end / 3]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
