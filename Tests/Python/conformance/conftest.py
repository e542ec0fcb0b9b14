"""One kv-api for all tests."""

import pytest

from conformance import case
from support.server import Server


@pytest.fixture(scope="session", autouse=True)
def server():
    """Runs kv-api, which also has to end in an orderly way."""
    server = Server()
    case.URL = server.url
    yield server
    code = server.stop()
    assert code == 0, f"kv-api left with exit code {code}:\n{''.join(server.log[-20:])}"
