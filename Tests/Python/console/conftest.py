"""One kv-api and one browser for all tests of the console."""

import pytest

from console import running
from console.browser import Browser
from support.server import Server


@pytest.fixture(scope="session", autouse=True)
def console():
    """Runs both; kv-api also has to end in an orderly way."""
    server = Server()
    running.SERVER = server
    running.BROWSER = Browser()
    yield
    running.BROWSER.close()
    code = server.stop()
    assert code == 0, f"kv-api exited with code {code}:\n{''.join(server.log[-20:])}"
