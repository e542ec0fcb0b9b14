"""Tests of the whole system on real services; the exit code counts.

    python3 run.py FOLDER-OF-BINARIES [NAME …]

Names choose single tests, as in `Cache.test_killed` or `Queued`. The cluster is started on ports
of its own (KV_TEST_BASE, 23000) and taken down again.
"""

import os
import sys
import tempfile
import unittest

import running


def flat(suite):
    """All tests of a suite, however nested."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def main():
    binaries, *names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    modules = [
        "test_promises",
        "test_faults",
        "test_rolling",
        "test_setup",
        "test_autoscaler",
    ]
    suite = unittest.TestSuite(loader.loadTestsFromName(module) for module in modules)
    if names:
        suite = unittest.TestSuite(
            test
            for test in flat(suite)
            if any(test.id().partition(".")[2].startswith(name) for name in names)
        )
    with tempfile.TemporaryDirectory(prefix="kv-cluster-tests-") as folder:
        os.chmod(folder, 0o755)
        running.CLUSTER = running.Cluster(
            folder, int(os.environ.get("KV_TEST_BASE", "23000")), binaries)
        try:
            running.CLUSTER.up()
            result = unittest.TextTestRunner(verbosity=2, failfast=False).run(suite)
        finally:
            running.CLUSTER.down()
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
