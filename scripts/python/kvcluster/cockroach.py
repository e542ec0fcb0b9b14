"""CockroachDB, three nodes, where its program is to be had.

As its documentation says for a local cluster: every node is started with the list of all, and
`cockroach init` is said once to any of them. Insecure mode knows no passwords, and listens on the
loopback address only.
"""

import re
import subprocess
import time

from . import probes
from .service import Service

NODES = 3
QUORUM = NODES // 2 + 1

ENVIRONMENT = {
    # Else each cluster reports itself to CockroachDB's makers.
    "COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING": "true",
    # Else each node sets 1 GiB of the disk aside, in case that it becomes full.
    "COCKROACH_AUTO_BALLAST": "false",
    # A new cluster has one replica of most ranges, and each node looks for what is missing as it
    # passes over them: within ten minutes, and a second for each when they are few. Until then the
    # first node that dies takes a part of the store with it.
    "COCKROACH_SCAN_INTERVAL": "5s",
    "COCKROACH_SCAN_MAX_IDLE_TIME": "50ms",
}

# How long `up` waits for the copies of new ranges: they usually take ten seconds.
REPLICATION_SECONDS = 60


def replicated(cluster):
    """Whether every range has a replica on each node: until then one node's death may stop a part
    of the store. False also without an answer."""
    return unreplicated_ranges(cluster) == 0


def unreplicated_ranges(cluster):
    """How many ranges have too few replicas; None without an answer."""
    statement = (
        "SELECT count(*) FROM crdb_internal.ranges_no_leases "
        f"WHERE array_length(voting_replicas, 1) < {NODES}"
    )
    for node in cluster.of_kind("cockroach"):
        if node.is_alive and (rows := probes.sql(node.ports["SQL"], statement)):
            return int(rows[0][0])
    return None


def wait_until_replicated(cluster, progress, seconds=REPLICATION_SECONDS):
    """Waits, but not for ever: a cluster serves without that, too. Nothing is waited for where
    nodes are missing, as the copies of theirs can't be made, or without CockroachDB."""
    nodes = cluster.of_kind("cockroach")
    if not nodes or any(node.state != "ready" for node in nodes):
        return
    end = time.monotonic() + seconds
    while (count := unreplicated_ranges(cluster)) != 0:
        if time.monotonic() > end:
            progress.say(f"  {count} of CockroachDB's ranges have fewer than {NODES} replicas yet")
            return
        progress.waiting([f"the replicas of {count} ranges"])
        time.sleep(0.5)


class Cockroach(Service):
    """One node of three."""

    kind = "cockroach"
    start_seconds = 120

    @property
    def stop_seconds(self):
        """A node drains before it leaves: it hands its leases over. Without a quorum of the others
        it can't, and would try for a minute. What it has committed is on the disks anyway."""
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
        return ",".join(f"127.0.0.1:{ports.database(number + 1)}" for number in range(NODES))

    @property
    def url(self):
        return f"postgresql://kv@{self.addresses}/kv?sslmode=disable"

    def command(self):
        folder = self.folder.make(self.name)
        return [self.cluster.cockroach, "start", "--insecure", f"--store={folder / 'data'}"] + [
            f"--listen-addr=127.0.0.1:{self.ports['SQL']}",
            f"--http-addr=127.0.0.1:{self.ports['console']}",
            f"--join={self.addresses}",
            # Three nodes share the memory; the default would give each the same small part.
            "--cache=256MiB",
            "--max-sql-memory=256MiB",
            f"--log-dir={folder / 'logs'}",
        ]

    def environment(self):
        return super().environment() | ENVIRONMENT

    def is_ready(self):
        status, _ = probes.http_get(self.ports["console"], "/health?ready=1")
        return status == 200

    def settle(self):
        """The first node founds the cluster and makes the database, once."""
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
        """How many nodes are alive, as this one sees it."""
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
