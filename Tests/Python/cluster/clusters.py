"""What the tests of scripts/cluster share."""

import contextlib
import http.client
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import support
from kvcluster import Cluster, listeners, ports
from support import ROOT

SCRIPT = ROOT / "scripts" / "cluster"


def free_base():
    """A base port whose whole range is free, apart from the default range."""
    first = int(os.environ.get("KV_TEST_BASE", "24000"))
    for base in range(first, ports.FIRST_EPHEMERAL - ports.SPAN, ports.SPAN):
        if not any(listeners.is_taken(port) for port in range(base, base + ports.SPAN)):
            return base
    raise AssertionError("there are no hundred free ports")


@contextlib.contextmanager
def temporary_cluster(**settings):
    """A cluster in a temporary folder, which is stopped and removed in any case."""
    with tempfile.TemporaryDirectory(prefix="kv-cluster-", ignore_cleanup_errors=True) as folder:
        # PostgreSQL's user has to get in.
        os.chmod(folder, 0o755)
        settings = {"database": support.DATABASE} | settings
        cluster = Cluster(Path(folder) / "cluster", free_base(), **settings)
        try:
            yield cluster
        finally:
            cluster.down(purge=True)


def script(*words, cluster=None, environment=None):
    """Runs scripts/cluster, by default with the variables of this process. Returns its exit code,
    output and errors."""
    verb, *rest = map(str, words)
    place = ["--dir", str(cluster.folder.path)] if cluster else []
    done = subprocess.run(
        [SCRIPT, verb, *place, *rest],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def shell(**variables):
    """The variables of a shell without `cockroach`, and more variables."""
    path = [
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not os.access(Path(folder) / "cockroach", os.X_OK)
    ]
    others = {name: text for name, text in os.environ.items() if name != "KV_COCKROACH"}
    return others | {"PATH": os.pathsep.join(path)} | variables


def request(port, method, target, body=None, fields=None, seconds=30):
    """Sends one request on a new connection, with the target unchanged."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in (fields or {}).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def raw_exchange(port, data):
    """Sends bytes and returns everything until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))
