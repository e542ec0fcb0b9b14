"""Tests what the documents say, and the model behind their figures; the exit code counts.

    python3 run.py FOLDER-OF-BINARIES [NAME …]

Names choose single tests, as in `test_links` or `test_model.Plans.test_nothing_shrinks`.
"""

import sys
import unittest

import documents

MODULES = ["test_links", "test_commands", "test_figures", "test_model"]


def main():
    binaries, *names = sys.argv[1:]
    documents.BINARIES = binaries
    suite = unittest.defaultTestLoader.loadTestsFromNames(names or MODULES)
    succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
