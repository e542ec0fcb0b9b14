"""Tests scripts/cluster on the real services; the exit code counts.

    python3 run.py [NAME …]

Names choose single tests, as in `test_nginx` or `test_down.Down.test_it_leaves_nothing_behind`.
"""

import sys
import unittest

MODULES = ["test_down", "test_nginx", "test_door", "test_backing"]


def main():
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:] or MODULES)
    succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
