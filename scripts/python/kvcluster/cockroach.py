"""CockroachDB: three nodes, if its program is found.

As its documentation describes for a local cluster: every node is started with the list of all
nodes, and `cockroach init` runs once against one of them. Insecure mode has no passwords; the nodes
listen on the loopback address only.
"""

import re
import subprocess
import time

from . import probes
from .service import Service

NODES = 3
QUORUM = NODES // 2 + 1

ENVIRONMENT = {
    # Otherwise each cluster sends reports to Cockroach Labs.
    "COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING": "true",
    # Otherwise each node reserves 1 GiB of the disk for the case that it becomes full.
    "COCKROACH_AUTO_BALLAST": "false",
    # A new cluster has one replica of most ranges. A scanner on each node finds missing replicas,
    # by default within ten minutes. Until then the loss of one node makes a part of the data
    # unavailable, so the scanner runs more often.
    "COCKROACH_SCAN_INTERVAL": "5s",
    "COCKROACH_SCAN_MAX_IDLE_TIME": "50ms",
}

# How long `up` waits for the replicas of new ranges, which usually takes ten seconds.
REPLICATION_SECONDS = 60


def replicated(cluster):
    """Whether every range has a replica on each node; until then the loss of one node may make data
    unavailable. False if no node answers."""
    return unreplicated_ranges(cluster) == 0


def unreplicated_ranges(cluster):
    """How many ranges have too few replicas; None if no node answers."""
    statement = (
        "SELECT count(*) FROM crdb_internal.ranges_no_leases "
        f"WHERE array_length(voting_replicas, 1) < {NODES}"
    )
    for node in cluster.of_kind("cockroach"):
        if node.is_alive and (rows := probes.sql(node.ports["SQL"], statement)):
            return int(rows[0][0])
    return None


def wait_until_replicated(cluster, progress, seconds=REPLICATION_SECONDS):
    """Waits for a limited time, because a cluster serves even before. Does not wait without
    CockroachDB or while a node is missing, whose replicas can't be created."""
    nodes = cluster.of_kind("cockroach")
    if not nodes or any(node.state != "ready" for node in nodes):
        return
    end = time.monotonic() + seconds
    while (count := unreplicated_ranges(cluster)) != 0:
        if time.monotonic() > end:
            progress.say(f"  {count} ranges of CockroachDB still lack replicas")
            return
        progress.waiting([f"the replicas of {count} ranges"])
        time.sleep(0.5)


class Cockroach(Service):
    """One node of three."""

    kind = "cockroach"
    start_seconds = 120

    @property
    def stop_seconds(self):
        """A node drains before it stops: it hands its leases over. Without a quorum of the others
        it can't, and would try for a minute. Its commits are on the disks in any case."""
        others = [
            node
            for node in self.cluster.of_kind(self.kind)
            if node is not self and node.name not in self.cluster.leaving and node.is_ready()
        ]
        return 60 if len(others) >= QUORUM else 12

    @property
    def ports(self):
        return {
            "SQL": self.cluster.ports.database(self.number),
            "console": self.cluster.ports.database_console(self.number),
        }

    @property
    def addresses(self):
        ports = self.cluster.ports
        announced = [ports.announced(ports.database(number + 1)) for number in range(NODES)]
        return ",".join(f"127.0.0.1:{port}" for port in announced)

    @property
    def url(self):
        return f"postgresql://kv@{self.addresses}/kv?sslmode=disable"

    def command(self):
        folder = self.folder.make(self.name)
        return [self.cluster.cockroach, "start", "--insecure", f"--store={folder / 'data'}"] + [
            f"--listen-addr=127.0.0.1:{self.ports['SQL']}",
            f"--advertise-addr=127.0.0.1:{self.cluster.ports.announced(self.ports['SQL'])}",
            f"--http-addr=127.0.0.1:{self.ports['console']}",
            f"--join={self.addresses}",
            # The defaults are too small for a machine that three nodes share.
            "--cache=256MiB",
            "--max-sql-memory=256MiB",
            f"--log-dir={folder / 'logs'}",
        ]

    def environment(self):
        return super().environment() | ENVIRONMENT

    def is_ready(self):
        status, _ = probes.http_get(self.ports["console"], "/health?ready=1")
        return status == 200

    def finish_start(self):
        """The first node initialises the cluster and creates the database, once."""
        founded = self.folder / "cockroach-1" / "founded"
        if self.number == 1 and not founded.exists():
            if "already been initialized" not in self._ask("init")[1] and not self.is_ready():
                return False
            code, _ = self._ask(
                "sql",
                "--execute=CREATE DATABASE IF NOT EXISTS kv",
                "--execute=CREATE USER IF NOT EXISTS kv",
                "--execute=ALTER DATABASE kv OWNER TO kv",
                "--execute=GRANT ALL ON DATABASE kv TO kv",
            )
            if code != 0:
                return False
            self.folder.write(founded, "")
        return self.is_ready()

    def detail(self):
        """How many nodes are live, as this one sees it."""
        status, text = probes.http_get(self.ports["console"], "/_status/vars")
        live = re.search(r"^liveness_livenodes (\d+)$", text, re.MULTILINE)
        return f"sees {live[1]} of {NODES}" if status == 200 and live else ""

    def _ask(self, verb, *words):
        host = f"--host=127.0.0.1:{self.ports['SQL']}"
        try:
            done = subprocess.run(
                [self.cluster.cockroach, verb, "--insecure", host, *words],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=15,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 1, ""
        return done.returncode, done.stdout
