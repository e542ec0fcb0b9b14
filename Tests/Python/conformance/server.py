"""Where the server under test is: one node, or the nodes of a cluster."""

import random

# Whoever runs the tests sets them: conftest.py, or the suite of the whole system.
PORTS = []
URL = ""
_taking = []


def use(ports, taking=None):
    """`taking`: the nodes that take requests other than those of watchers; by default all."""
    global PORTS, URL, _taking
    PORTS = list(ports)
    _taking = list(taking or ports)
    URL = f"http://127.0.0.1:{PORTS[0]}"


def port():
    """The port of any node that takes requests."""
    return random.choice(_taking)


def watched_port():
    """The port of any node."""
    return random.choice(PORTS)
