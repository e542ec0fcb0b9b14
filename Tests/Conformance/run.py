"""Runs other people's clients and test tools against a kv-api of its own; the exit code counts.

    python3 run.py PATH-OF-KV-API [NAME …]

Names choose single tests, as in `Curl.test_head` or `Schema`.
"""

import sys
import unittest

import conformance
from server import Server


def main():
    binary, *names = sys.argv[1:]
    server = Server(binary)
    conformance.URL = server.url
    try:
        loader = unittest.defaultTestLoader
        modules = ["test_curl", "test_python", "test_chromium", "test_schema"]
        suite = unittest.TestSuite(loader.loadTestsFromName(module) for module in modules)
        if names:
            suite = unittest.TestSuite(
                test
                for test in conformance.flat(suite)
                if any(test.id().partition(".")[2].startswith(name) for name in names)
            )
        succeeded = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    finally:
        code = server.stop()
    if code != 0:
        print(f"kv-api left with exit code {code}; its last lines:\n{''.join(server.log[-20:])}")
    sys.exit(0 if succeeded and code == 0 else 1)


if __name__ == "__main__":
    main()
