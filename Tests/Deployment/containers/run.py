"""Tests the containers; the exit code counts.

    python3 run.py [configuration | compose] [NAME …]

`configuration` needs no Docker engine: the real programs read what containers give them.
`compose` builds and runs everything, and breaks it. Names choose single tests, as in
`test_compose.Compose.test_writes_and_reads`.
"""

import sys
import unittest

MODULES = {"configuration": "test_configuration", "compose": "test_compose"}


def main():
    words = [MODULES.get(word, word) for word in sys.argv[1:]] or list(MODULES.values())
    suite = unittest.defaultTestLoader.loadTestsFromNames(words)
    succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
