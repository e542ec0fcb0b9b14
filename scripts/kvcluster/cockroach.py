"""CockroachDB, three nodes, where its program is to be had.

As its documentation says for a local cluster: every node is started with the list of all, and
`cockroach init` is said once to any of them. Insecure mode knows no passwords, and listens on the
loopback address only.
"""

import subprocess

from . import probes
from .service import Service

NODES = 3


class Cockroach(Service):
    """One node of three."""

    kind = "cockroach"
    # A node drains before it leaves.
    stop_seconds = 60
    start_seconds = 120

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
