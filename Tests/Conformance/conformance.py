"""What the tests share."""

import unittest
from urllib.parse import urlsplit

# Where the server is; set by run.py before any test runs.
URL = ""


def port():
    return urlsplit(URL).port


def flat(suite):
    """All tests of a suite, however nested."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


class Case(unittest.TestCase):
    """A test is named by the sentence in its docstring."""

    longMessage = True

    def shortDescription(self):
        return None

    def __str__(self):
        return f"{type(self).__name__}: {self._testMethodDoc.strip().rstrip('.')}"
