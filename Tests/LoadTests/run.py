"""Tests load-tests/run, on a real kv-api; the exit code counts.

    python3 run.py FOLDER-OF-BINARIES [NAME …]

Names choose single tests, as in `test_figures` or `test_modes.Modes.test_all`.
"""

import sys
import unittest

import support

MODULES = ["test_figures", "test_options", "test_modes", "test_trouble"]


def main():
    binaries, *names = sys.argv[1:]
    support.BINARIES = binaries
    suite = unittest.defaultTestLoader.loadTestsFromNames(names or MODULES)
    succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
