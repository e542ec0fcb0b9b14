"""The cluster that the tests run on."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

import support
from support import ROOT, wait_until
from support.client import Client, Unreachable


class Cluster:
    """Runs `scripts/cluster`, as a user would."""

    def __init__(self, folder, base, database):
        self.folder = Path(folder)
        self.base = str(base)
        self.binaries = str(support.BINARIES)
        # "postgres" or "cockroach".
        self.database = database

    def command(self, *words, check=True):
        """Runs a command and returns its output."""
        result = subprocess.run(
            [ROOT / "scripts/cluster", words[0], "--dir", self.folder, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"scripts/cluster {' '.join(words)}:\n{result.stdout}")
        return result.stdout

    def up(self, only=None):
        """Starts everything, or only the named services and kinds."""
        self.command(
            "up", "--base", self.base, "--binaries", self.binaries, "--database", self.database,
            *(["--only", only] if only else [])
        )
        # It fails while a service is not running.
        members = json.loads(self.command("status", "--json", check=only is None))
        self.ports = {member["name"]: member["ports"] for member in members}

    def down(self):
        self.command("down", "--purge", check=False)

    def port(self, name):
        """The port of a service."""
        return next(iter(self.ports[name].values()))

    def processes(self):
        """The process id of each service."""
        rows = json.loads(self.command("status", "--json"))
        return {row["name"]: row["pid"] for row in rows}

    @property
    def nodes(self):
        """The ports of the kv-api."""
        return [self.port("kv-api-1"), self.port("kv-api-2")]

    def client(self, timeout=15):
        return Client(self.nodes, timeout)

    def nginx_client(self, timeout=15):
        """A client that connects through Nginx, as applications do."""
        return Client([self.port("nginx")], timeout)

    @contextlib.contextmanager
    def without(self, name, way="kill"):
        """Stops, kills or pauses a service within the block, and brings it back afterwards."""
        self.command(way, name)
        try:
            yield
        finally:
            self.command("resume" if way == "pause" else "start", name)

    def metrics(self, name):
        """The metrics of a kv-api or kv-worker, by name with labels."""
        url = f"http://127.0.0.1:{self.port(name)}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {sample: float(value) for sample, value in samples}

    def health(self, port):
        """The status of each component, as a node sees it."""
        answer = self.client().request("GET", "/health", port=port)
        document = json.loads(answer.body)
        return {name: part["status"] for name, part in document["components"].items()}

    def wait_until_healthy(self, seconds=90):
        """Waits until every node reports every service as healthy."""
        def healthy():
            for port in self.nodes:
                try:
                    if set(self.health(port).values()) != {"healthy"}:
                        return False
                except (Unreachable, KeyError, ValueError):
                    return False
            return True

        wait_until(healthy, seconds, "healthy nodes")


# The current one.
CLUSTER = None


def begin(database):
    """Starts a cluster on this database, unless it runs."""
    global CLUSTER
    if CLUSTER and CLUSTER.database == database:
        return
    end()
    folder = tempfile.mkdtemp(prefix="kv-cluster-tests-")
    # PostgreSQL's user has to get in.
    os.chmod(folder, 0o755)
    CLUSTER = Cluster(folder, os.environ.get("KV_TEST_BASE", "23000"), database)
    try:
        CLUSTER.up()
    except AssertionError:
        end()
        raise


def end():
    """Stops the cluster, if there is one."""
    global CLUSTER
    if CLUSTER:
        CLUSTER.down()
        shutil.rmtree(CLUSTER.folder, ignore_errors=True)
        CLUSTER = None


class Case(unittest.TestCase):
    """A test of the cluster. All services are healthy before and after it."""

    def setUp(self):
        self.cluster = CLUSTER
        self.cluster.wait_until_healthy()
        self.client = self.cluster.client()
        self.addCleanup(self.client.close)
        # Tests share one store, so each has its own keys.
        self.prefix = f"{type(self).__name__}-{self._testMethodName}-{os.getpid()}"

    def tearDown(self):
        self.cluster.wait_until_healthy()

    def key(self, name):
        return f"{self.prefix}-{name}"

    def operation(self, identifier):
        """The state of an operation."""
        answer = self.client.request("GET", f"/operations/{identifier}")
        self.assertEqual(answer.status, 200, answer)
        return json.loads(answer.body)

    def wait_for(self, identifier, seconds=60):
        """Waits until an operation is no longer queued, and returns its document."""
        document = {}

        def decided():
            answer = self.client.request("GET", f"/operations/{identifier}")
            if answer.status != 200:
                return False
            document.update(json.loads(answer.body))
            return document["status"] != "queued"

        wait_until(decided, seconds, f"end of operation {identifier}")
        return document

    def assertClean(self, load):
        """Fails if a promise was broken under a load."""
        if load.violations:
            raise AssertionError("\n".join(str(violation) for violation in load.violations[:5]))
