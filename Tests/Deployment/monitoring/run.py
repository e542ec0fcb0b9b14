"""Tests of what operators look at: rules, alerts and dashboards. The exit code counts.

    scripts/monitoring --without-cluster|FOLDER-OF-BINARIES [--database postgres|cockroach] [NAME …]

First all that can be said without running anything; then a cluster is started on ports of its own
(KV_TEST_BASE, 23200), and every expression is put to its Prometheus: on PostgreSQL, and then on
CockroachDB as well where there is one. NAMEs choose single tests, as in `test_rules` or
`test_live.Live.test_dashboards`.
"""

import argparse
import contextlib
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import databases  # noqa: E402

WITHOUT_CLUSTER = ["test_dashboards", "test_schema", "test_rules"]


@contextlib.contextmanager
def on(database):
    """The tests that need a cluster start one on this database."""
    import test_live

    test_live.DATABASE = database
    yield


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    databases.add_option(parser)
    parser.add_argument("--without-cluster", action="store_true")
    parser.add_argument("words", nargs="*")
    options = parser.parse_intermixed_args()
    names = options.words
    if not options.without_cluster:
        if not names:
            parser.error("say --without-cluster, or where kv-api and kv-worker are")
        os.environ["KV_TEST_BINARIES"] = names.pop(0)
    load = unittest.defaultTestLoader.loadTestsFromName
    chosen = names or WITHOUT_CLUSTER + ["test_live"]
    files = [name for name in chosen if not name.startswith("test_live")]
    live = [name for name in chosen if name.startswith("test_live")]
    succeeded = True
    if files:
        suite = unittest.TestSuite(map(load, files))
        succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    if live and not options.without_cluster:
        tests = list(databases.flat(unittest.TestSuite(map(load, live))))
        succeeded = databases.run(tests, options.database, on) and succeeded
        databases.report("Tests/Deployment/monitoring", options.database)
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
