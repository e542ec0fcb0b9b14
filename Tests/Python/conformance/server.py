"""Where the server under test is: one node, or the nodes of a cluster."""

import random

# Whoever runs the tests sets them: conftest.py, or the suite of the whole system.
PORTS = []
URL = ""


def use(ports):
    global PORTS, URL
    PORTS = list(ports)
    URL = f"http://127.0.0.1:{PORTS[0]}"


def port():
    """The port of any node."""
    return random.choice(PORTS)
