"""One cluster for all tests on a database; the first one starts it, the last one stops it."""

import pytest

from system import running


@pytest.fixture(scope="class", autouse=True)
def cluster(database):
    """Starts the cluster before a class is set up."""
    try:
        running.begin(database)
    except AssertionError as error:
        pytest.exit(f"the cluster does not start: {error}", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if nextitem is None or _turn(item) != _turn(nextitem):
        running.end()


def _turn(item):
    return item.path.parent, item.getparent(pytest.Class).database
