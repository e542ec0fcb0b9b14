"""pgbench: what PostgreSQL alone does for the same number of clients."""

import os
import re
import subprocess

from .load import CONNECTIONS, Clock, Run

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "pgbench")
# More than can be read in one round, so that no key is read twice in it.
ROWS = 400_000


class Pgbench:
    """Scripts of the folder `pgbench`, run against the database of a cluster."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.environment = {**os.environ, **cluster.database_environment}

    def prepare(self):
        self._sql("-v", f"rows={ROWS}", "-f", os.path.join(FOLDER, "rows.sql"))

    def run(self, script, seconds):
        clock = Clock(self.cluster.databases)
        output = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2"]
            + ["-T", str(seconds), "-D", f"rows={ROWS}", "-f", os.path.join(FOLDER, script)],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        count = int(re.search(r"actually processed: (\d+)", output).group(1))
        per_second = float(re.search(r"tps = ([\d.]+) \(without initial", output).group(1))
        return Run(per_second, clock.microseconds_each(count))

    def _sql(self, *arguments):
        subprocess.run(
            ["psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", *arguments],
            env={**self.environment, "PGOPTIONS": "--client-min-messages=warning"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
