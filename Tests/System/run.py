"""Tests of the whole system on real services; the exit code counts.

    python3 run.py FOLDER-OF-BINARIES [--database postgres|cockroach] [NAME …]

Names choose single tests, as in `Cache.test_killed` or `Queued`. The cluster is started on ports
of its own (KV_TEST_BASE, 23000) and taken down again: first one on PostgreSQL, then one on
CockroachDB where it is to be had.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import unittest
from pathlib import Path

import running

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import databases  # noqa: E402

MODULES = [
    "test_promises",
    "test_attempts",
    "test_clocks",
    "test_clients",
    "test_faults",
    "test_founding",
    "test_cockroach",
    "test_rolling",
    "test_setup",
    "test_autoscaler",
]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    databases.add_option(parser)
    parser.add_argument("binaries")
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromName, MODULES))
    tests = [
        test
        for test in databases.flat(suite)
        if not options.names
        or any(test.id().partition(".")[2].startswith(name) for name in options.names)
    ]

    @contextlib.contextmanager
    def on(database):
        with tempfile.TemporaryDirectory(prefix="kv-cluster-tests-") as folder:
            # PostgreSQL's user has to get in.
            os.chmod(folder, 0o755)
            base = int(os.environ.get("KV_TEST_BASE", "23000"))
            running.CLUSTER = running.Cluster(folder, base, options.binaries, database)
            try:
                running.CLUSTER.up()
                yield
            finally:
                running.CLUSTER.down()

    succeeded = databases.run(tests, options.database, on)
    databases.report("Tests/System", options.database)
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
