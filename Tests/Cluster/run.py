"""Tests scripts/cluster on the real services; the exit code counts.

    python3 run.py [--database postgres|cockroach] [NAME …]

Names choose single tests, as in `test_nginx` or `test_down.Down.test_it_leaves_nothing_behind`.
What the database matters for is run on PostgreSQL, and on CockroachDB as well where there is one.
The clusters take the first free ports from KV_TEST_BASE (24000) on.
"""

import argparse
import contextlib
import sys
import unittest
from pathlib import Path

import support

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import databases  # noqa: E402

MODULES = [
    "test_choice", "test_commands", "test_cockroach", "test_down", "test_nginx", "test_door",
    "test_backing",
]


@contextlib.contextmanager
def on(database):
    support.DATABASE = database
    yield


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    databases.add_option(parser)
    parser.add_argument("names", nargs="*", default=MODULES)
    options = parser.parse_args()
    tests = list(databases.flat(unittest.defaultTestLoader.loadTestsFromNames(options.names)))
    succeeded = databases.run(tests, options.database, on)
    databases.report("Tests/Cluster", options.database)
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
