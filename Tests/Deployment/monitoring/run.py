"""Tests of what operators look at: rules, alerts and dashboards. The exit code counts.

    scripts/monitoring --without-cluster|FOLDER-OF-BINARIES [NAME …]

First all that can be said without running anything; then a cluster is started on ports of its own
(KV_TEST_BASE, 23200), and every expression is put to its Prometheus. NAMEs choose single tests, as
in `test_rules` or `test_live.Live.test_dashboards`.
"""

import os
import sys
import unittest

WITHOUT_CLUSTER = ["test_dashboards", "test_schema", "test_rules"]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    place, *names = sys.argv[1:]
    modules = list(WITHOUT_CLUSTER)
    if place != "--without-cluster":
        os.environ["KV_TEST_BINARIES"] = place
        modules.append("test_live")
    suite = unittest.defaultTestLoader.loadTestsFromNames(names or modules)
    succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
