"""Memory: at rest, with many idle connections, and over time under load."""

import resource
import socket
import threading
import time

from .load import requests, wrk

CONNECTIONS_IDLE = 10_000
FILES_NEEDED = 2 * CONNECTIONS_IDLE
KEYS_MIXED = 10_000


def raise_file_limit():
    """Raises the limit of open files, as root beyond the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FILES_NEEDED:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, max(hard, FILES_NEEDED)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard < CONNECTIONS_IDLE + 200:
            raise RuntimeError(
                f"{CONNECTIONS_IDLE} connections take as many open files, and the limit is {hard}:"
                f" raise it with `ulimit -n {FILES_NEEDED}` as root"
            ) from None


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
