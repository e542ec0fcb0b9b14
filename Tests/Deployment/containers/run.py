"""Tests the containers; the exit code counts.

    python3 run.py [configuration | compose] [NAME …]

`configuration` needs no Docker engine: the real programs read what containers give them, those of
CockroachDB where there is one.
`compose` builds and runs everything, and breaks it. Names choose single tests, as in
`test_compose.Compose.test_writes_and_reads`.
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import databases  # noqa: E402

MODULES = {"configuration": "test_configuration", "compose": "test_compose"}


def main():
    words = [MODULES.get(word, word) for word in sys.argv[1:]] or list(MODULES.values())
    tests = list(databases.flat(unittest.defaultTestLoader.loadTestsFromNames(words)))
    there = set(databases.at_hand())
    possible = [test for test in tests if there & set(databases.marked(test, "databases", there))]
    suite = unittest.TestSuite(possible)
    succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    if len(possible) < len(tests):
        databases.report("Tests/Deployment/containers", None)
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
