"""One kv-api for all tests of kv."""

import pytest

from command import shell
from support.server import Server


@pytest.fixture(scope="session", autouse=True)
def kv_api():
    with Server() as running:
        shell.URL = running.url
        yield running
