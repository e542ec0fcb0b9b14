"""The sessions that the programs have at the database."""

import subprocess

from system.nodes import Nodes

# All of them log in as this user.
USER = "kv"


class PostgresSessions:
    """Those of PostgreSQL, ended as their owner may."""

    OTHERS = f"FROM pg_stat_activity WHERE usename = '{USER}' AND pid <> pg_backend_pid()"

    def __init__(self, cluster):
        port = cluster["postgres"].ports["SQL"]
        self._url = f"postgresql://{USER}@127.0.0.1:{port}/kv?connect_timeout=2"
        self._environment = {"PGPASSWORD": cluster.folder.passwords["database"]}

    def end(self):
        self._run(f"SELECT pg_terminate_backend(pid) {self.OTHERS}")

    def cancel(self):
        self._run(f"SELECT pg_cancel_backend(pid) {self.OTHERS}")

    def _run(self, statement):
        """Does nothing while the database does not answer."""
        words = ["psql", "--no-psqlrc", "--quiet", "--command", statement, self._url]
        try:
            subprocess.run(
                words,
                env=self._environment | {"PATH": "/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pass


class CockroachSessions:
    """Those of all nodes of CockroachDB."""

    def __init__(self, cluster):
        self._nodes = Nodes(cluster.folder.path)

    def end(self):
        self._unless_away(self._nodes.cancel_sessions)

    def cancel(self):
        self._unless_away(self._nodes.cancel_queries)

    @staticmethod
    def _unless_away(step):
        try:
            step(USER)
        except AssertionError:
            # No node answers.
            pass


def sessions(cluster):
    """Those of the cluster's database."""
    kind = CockroachSessions if cluster.database == "cockroach" else PostgresSessions
    return kind(cluster)
