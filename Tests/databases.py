"""The databases that a suite runs on: PostgreSQL always, and CockroachDB as well where its program
is to be had. What was not run is said in the last lines; it never passes as a skipped test."""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from kvcluster import programs  # noqa: E402
from kvcluster.cluster import DATABASES  # noqa: E402

# Why there is none.
NO_COCKROACH = "no cockroach on the PATH, and KV_COCKROACH is not set"


def at_hand():
    """Those that there are, in the order in which they are taken. A KV_COCKROACH that names no
    program is an error."""
    return ["postgres", "cockroach"] if programs.cockroach() else ["postgres"]


def only_on(*names):
    """Marks a test, or all of a class, as one about these databases."""

    def mark(test):
        test.databases = names
        return test

    return mark


def once(test):
    """Marks a test, or all of a class, as one that has nothing to do with the database."""
    test.is_needed_once = True
    return test


def add_option(parser):
    """The choice that a runner offers."""
    parser.add_argument("--database", choices=list(DATABASES), help="on this one only")


def run(tests, chosen, on):
    """Runs the tests on each database, or on the one that was chosen: `on(name)` is called before
    each turn, and a context that it returns is left after it. Returns whether all have passed."""
    turns, succeeded = [chosen] if chosen else at_hand(), True
    for turn in turns:
        selected = [
            test
            for test in tests
            if turn in marked(test, "databases", list(DATABASES))
            and (turn == turns[0] or not marked(test, "is_needed_once", False))
        ]
        if not selected:
            continue
        print(f"== on {DATABASES[turn]}: {len(selected)} tests", file=sys.stderr, flush=True)
        with on(turn):
            result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(selected))
        succeeded = succeeded and result.wasSuccessful()
    return succeeded


def flat(suite):
    """All tests of a suite, however nested."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def marked(test, name, otherwise):
    """What a test is marked with; its own mark counts before that of its class."""
    method = getattr(test, test._testMethodName)
    return getattr(method, name, getattr(type(test), name, otherwise))


def report(suite, chosen):
    """Says what was not run, also to the script that runs all suites (KV_TEST_NOT_RUN)."""
    if chosen or "cockroach" in at_hand():
        return
    print(f"not run: the same on CockroachDB ({NO_COCKROACH})", file=sys.stderr)
    if path := os.environ.get("KV_TEST_NOT_RUN"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{suite} on CockroachDB ({NO_COCKROACH})\n")
