"""pgbench: the rate of the database alone, for the same number of clients."""

import os
import re
import subprocess

from .load import CONNECTIONS, Clock, Run

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "pgbench")
# More than one round can read, so that no key is read twice.
ROWS = {"postgres": 400_000, "cockroach": 100_000}
# The rows that upserts insert, and then replace.
ROWS_WRITTEN = 100_000
THREADS = 2


class Pgbench:
    """Scripts of the folder `pgbench`, run against the database of a cluster.

    Clients are spread over the database's nodes, as kv-api's connections are: a process for each.
    """

    def __init__(self, cluster):
        self.cluster = cluster
        self.environment = {**os.environ, **cluster.database_environment}
        self.rows = ROWS[cluster.database_kind]
        self.first_node = 0

    def prepare(self):
        has_vacuum = "true" if self.cluster.database_kind == "postgres" else "false"
        self._sql("-v", f"rows={self.rows}", "-v", f"has_vacuum={has_vacuum}")

    def selects(self, seconds):
        return self._run("select.sql", seconds, CONNECTIONS, self.rows)

    def upserts(self, seconds, clients=CONNECTIONS, rows=ROWS_WRITTEN):
        return self._run("upsert.sql", seconds, clients, rows)

    def _run(self, script, seconds, clients, rows):
        ports = self.cluster.database_ports
        # So that a single client uses another node in each round.
        ports = [ports[(self.first_node + place) % len(ports)] for place in range(len(ports))]
        self.first_node += 1
        shares = [len(range(place, clients, len(ports))) for place in range(len(ports))]
        threads = max(1, THREADS // len(ports))
        path = os.path.join(FOLDER, script)
        clock = Clock(self.cluster.databases)
        children = [
            subprocess.Popen(
                ["pgbench", "-n", "-M", "prepared", "-T", str(seconds), "-c", str(share)]
                + ["-j", str(min(share, threads)), "-D", f"rows={rows}", "-f", path],
                env={**self.environment, "PGPORT": str(port)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for port, share in zip(ports, shares)
            if share
        ]
        outputs = [(child.communicate(), child.returncode) for child in children]
        for (_, errors), code in outputs:
            if code:
                raise RuntimeError(f"pgbench ended with code {code}: {errors.strip()[-100:]}")
        text = "".join(output for (output, _), _ in outputs)
        count = sum(map(int, re.findall(r"actually processed: (\d+)", text)))
        rates = re.findall(r"tps = ([\d.]+) \(without initial", text)
        failed = sum(map(int, re.findall(r"failed transactions: (\d+)", text)))
        return Run(
            sum(map(float, rates)),
            clock.microseconds_each(count),
            failed={"failed": failed} if failed else {},
        )

    def _sql(self, *variables):
        subprocess.run(
            ["psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", *variables]
            + ["-f", os.path.join(FOLDER, "rows.sql")],
            env={**self.environment, "PGOPTIONS": "--client-min-messages=warning"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
