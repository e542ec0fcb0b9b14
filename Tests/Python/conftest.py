"""How the Python suites run: `scripts/pytest [--database NAME] [--binaries FOLDER] [PATH …]`.

Suites that depend on the database run on PostgreSQL, and then on CockroachDB where its program is
on the PATH or named by KV_COCKROACH. What could not run is reported in the last lines; it never
passes as a skipped test.
"""

import os
from pathlib import Path

import pytest

import support
from kvcluster import ClusterError, programs
from kvcluster.cluster import DATABASES

FOLDER = Path(__file__).parent
# Their classes run on each database; all others run once.
ON_EACH_DATABASE = [FOLDER / name for name in ("cluster", "system", "monitoring/test_live.py")]

NO_COCKROACH = "no cockroach on the PATH, and KV_COCKROACH is not set"

NOT_RUN = pytest.StashKey()
TURNS = pytest.StashKey()


def pytest_addoption(parser):
    group = parser.getgroup("suites")
    group.addoption("--database", choices=list(DATABASES), help="on this database only")
    group.addoption(
        "--binaries",
        metavar="FOLDER",
        default=str(support.BINARIES),
        help="where kv-api, kv-worker and kv-autoscaler are (%(default)s)",
    )
    group.addoption(
        "--requests", metavar="COUNT", type=int, default=20_000,
        help="so many byte strings of the suite `smuggling` (%(default)s)",
    )
    group.addoption(
        "--seed", metavar="NUMBER", type=int, default=1,
        help="for what is random in the suite `smuggling` (%(default)s)",
    )


def pytest_configure(config):
    support.BINARIES = Path(config.getoption("binaries")).absolute()
    try:
        at_hand = ["postgres", "cockroach"] if programs.cockroach() else ["postgres"]
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from None
    chosen = config.getoption("database")
    if chosen and chosen not in at_hand:
        raise pytest.UsageError(NO_COCKROACH)
    config.stash[TURNS] = [chosen] if chosen else at_hand
    # The suites with tests that need a database which is not here.
    config.stash[NOT_RUN] = set()


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector):
    """A class that depends on the database is collected once for each of them."""
    made = yield
    if not isinstance(made, pytest.Class):
        return made
    made.database = None
    if not any(made.path.is_relative_to(path) for path in ON_EACH_DATABASE):
        return made
    classes = []
    for turn in collector.config.stash[TURNS]:
        nodeid = f"{collector.nodeid}::{made.name} on {turn}"
        one = type(made).from_parent(collector, name=made.name, nodeid=nodeid)
        one.database = turn
        classes.append(one)
    return classes


def pytest_collection_modifyitems(config, items):
    """One database after the other, each with the tests that are meant for it."""
    turns = config.stash[TURNS]
    items.sort(key=lambda item: turns.index(database_of(item)) if database_of(item) else 0)
    left_out = [item for item in items if not _belongs(item, turns)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if not config.getoption("database") and "cockroach" not in turns:
        needing = [item for item in items if database_of(item)] + left_out
        config.stash[NOT_RUN] = {item.path.parent.name for item in needing}


def database_of(item):
    """The database of the turn; None for a test that depends on none."""
    return item.getparent(pytest.Class).database


def _belongs(item, turns):
    database = database_of(item)
    possible = [database] if database else turns
    if (mark := item.get_closest_marker("only_on")) and not set(mark.args) & set(possible):
        return False
    return not item.get_closest_marker("once") or database in (None, turns[0])


@pytest.fixture(scope="class", autouse=True)
def database(request):
    """What classes take for their database, before they are set up."""
    support.DATABASE = getattr(request.node, "database", None) or "postgres"
    return support.DATABASE


def pytest_terminal_summary(terminalreporter, config):
    """Says what was not run, also to the script that runs all suites (KV_TEST_NOT_RUN)."""
    lines = [
        f"Tests/Python/{suite} on CockroachDB ({NO_COCKROACH})"
        for suite in sorted(config.stash[NOT_RUN])
    ]
    for line in lines:
        terminalreporter.write_line(f"not run: {line}")
    if lines and (path := os.environ.get("KV_TEST_NOT_RUN")):
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
