"""One kv-api for all tests."""

import pytest

from conformance import server
from support.server import Server


@pytest.fixture(scope="session", autouse=True)
def kv_api():
    """Runs kv-api, which also has to end in an orderly way."""
    running = Server()
    server.use([running.port])
    yield
    code = running.stop()
    assert code == 0, f"kv-api exited with code {code}:\n{''.join(running.log[-20:])}"
