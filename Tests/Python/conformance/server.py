"""Where the server under test is."""

from urllib.parse import urlsplit

# conftest.py sets it.
URL = ""


def port():
    return urlsplit(URL).port
