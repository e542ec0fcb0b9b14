"""One more kv-api or kv-worker on the services of the cluster, with other settings."""

import contextlib
import re
import subprocess
from pathlib import Path

from kvcluster import Cluster
from support import free_port, wait_until
from support.client import Client, Unreachable

HOSTS = re.compile(r"127\.0\.0\.1:(\d+)(,127\.0\.0\.1:\d+)*")


def settings(cluster):
    """The environment of the cluster's kv-api."""
    return Cluster(cluster.folder)["kv-api-1"].environment()


def database_port(cluster):
    """The port of a server of the database."""
    return int(HOSTS.search(settings(cluster)["KV_DATABASE_URL"])[1])


@contextlib.contextmanager
def node(cluster, database=None, **environment):
    """Runs a kv-api and gives its client. `database` is another port for the database."""
    environment = settings(cluster) | environment
    if database:
        environment["KV_DATABASE_URL"] = HOSTS.sub(
            f"127.0.0.1:{database}", environment["KV_DATABASE_URL"])
    with running(cluster, "kv-api", environment) as client:
        yield client


@contextlib.contextmanager
def worker(cluster, **environment):
    """Runs a kv-worker, and gives its port once it takes messages."""
    own = Cluster(cluster.folder)["kv-worker-1"].environment()
    with running(cluster, "kv-worker", own | environment) as client:
        yield client.ports[0]


@contextlib.contextmanager
def running(cluster, program, environment):
    """Runs a program, and gives a client of it once it is ready."""
    port = free_port()
    process = subprocess.Popen(
        [Path(cluster.binaries).resolve() / program],
        env=environment | {"KV_LISTEN": f"127.0.0.1:{port}"},
        cwd=cluster.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = Client([port], 30)
    try:
        wait_until(lambda: is_ready(client), 30, f"ready {program}")
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait()


def is_ready(client):
    try:
        return client.request("GET", "/health/ready").status == 200
    except Unreachable:
        return False
