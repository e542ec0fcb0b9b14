"""The three nodes of CockroachDB: leaseholders, and whether all replicas exist."""

import re
import subprocess

from kvcluster import Cluster, cockroach, probes
from support import wait_until

# The leases of a dead node expire within nine seconds; another node takes them when a request needs
# them.
LEASE_SECONDS = 30
WHOLE = f"sees {cockroach.NODES} of {cockroach.NODES}"


class Nodes:
    """Queries any node that answers."""

    def __init__(self, folder):
        self._cluster = Cluster(folder)

    @property
    def services(self):
        return self._cluster.of_kind("cockroach")

    @property
    def names(self):
        return [node.name for node in self.services]

    def try_sql(self, statement, seconds=5.0):
        """Rows as lists of texts; None if no node answers."""
        for node in self.services:
            if node.is_ready():
                port = node.ports["SQL"]
                rows = probes.sql(port, statement, database="kv", seconds=seconds)
                if rows is not None:
                    return rows
        return None

    def sql(self, statement):
        rows = self.try_sql(statement)
        if rows is None:
            raise AssertionError(f"no node answers: {statement}")
        return rows

    def restarts(self):
        """The number of transaction restarts, for any reason."""
        counts = re.compile(r"^txn_restarts_(?!count|sum|bucket)\w+ (\S+)$", re.MULTILINE)
        texts = [
            probes.http_get(node.ports["console"], "/_status/vars")[1] for node in self.services
        ]
        return sum(float(count) for text in texts for count in counts.findall(text))

    def leaseholder(self, table="entries"):
        """The name of the node that has the lease of a table's first range."""
        identifier = self.sql(f"SELECT lease_holder FROM [SHOW RANGES FROM TABLE {table}]")[0][0]
        address = self.sql(
            f"SELECT address FROM crdb_internal.gossip_nodes WHERE node_id = {identifier}"
        )[0][0]
        port = int(address.rpartition(":")[2])
        return next(node.name for node in self.services if node.ports["SQL"] == port)

    def others(self, name):
        """The two other nodes."""
        return [other for other in self.names if other != name]

    def drain(self, name):
        """Drains a node; its process keeps running."""
        node = self._cluster[name]
        done = subprocess.run(
            [self._cluster.cockroach, "node", "drain", "--insecure", "--self"]
            + [f"--host=127.0.0.1:{node.ports['SQL']}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{name} can't be drained:\n{done.stdout}")

    def cancel_queries(self, user):
        """Cancels the running statements of a user. Returns their ids."""
        return self._cancel("QUERIES", "query_id", "CLUSTER QUERIES", user)

    def cancel_sessions(self, user):
        """Ends the sessions of a user. Returns their ids."""
        return self._cancel("SESSIONS", "session_id", "CLUSTER SESSIONS", user)

    def _cancel(self, what, column, source, user):
        found = self.sql(f"SELECT {column} FROM [SHOW {source}] WHERE user_name = '{user}'")
        identifiers = [row[0] for row in found]
        if identifiers:
            values = ", ".join(f"('{identifier}')" for identifier in identifiers)
            self.sql(f"CANCEL {what} IF EXISTS VALUES {values}")
        return identifiers

    def is_whole(self):
        """Whether all nodes serve, see each other, and have a replica of every range."""
        return (
            all(node.state == "ready" for node in self.services)
            and {node.detail() for node in self.services} == {WHOLE}
            and cockroach.replicated(self._cluster)
        )

    def wait_until_whole(self, seconds=90):
        wait_until(self.is_whole, seconds, "whole CockroachDB")
