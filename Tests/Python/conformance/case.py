"""What the tests share."""

import unittest
from urllib.parse import urlsplit

# Where the server is; conftest.py sets it.
URL = ""


def port():
    return urlsplit(URL).port


class Case(unittest.TestCase):
    """A test of the server at URL."""

    longMessage = True

    def shortDescription(self):
        return None

    def __str__(self):
        return f"{type(self).__name__}: {self._testMethodDoc.strip().rstrip('.')}"
