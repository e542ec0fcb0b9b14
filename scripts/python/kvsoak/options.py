"""The options of scripts/soak."""

import argparse
import random
from pathlib import Path

from kvcluster.cluster import DATABASES
from kvcluster.folder import REPOSITORY

DESCRIPTION = """\
Starts a cluster on this machine with the autoscaler, and gives it mixed load for an hour while its
parts are restarted and fail, one after the other. It samples memory, descriptors, threads, the
outbox, the queue and the disk, and says which errors an event explains. At the end, or at Ctrl-C,
it writes the figures as JSON and as a page of plots.

The exit code is 0 if no error is unexplained and everything is flat, 1 if not, 2 if it could not
run, 130 after Ctrl-C. Runs under ten minutes are told, but their flatness is not judged."""


def seconds(text):
    """The value of --seconds."""
    return _number(text, 30, 7 * 86400)


def rate(text):
    """The value of --rate."""
    return _number(text, 10, 2000)


def _number(text, low, high):
    try:
        number = float(text)
    except ValueError:
        number = -1
    if low <= number <= high:
        return number
    raise argparse.ArgumentTypeError(f"{low} to {high} are possible")


def read(arguments=None):
    """The options, complete."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds", type=seconds, default=3600, metavar="N", help="how long (default: 3600)"
    )
    parser.add_argument(
        "--rate", type=rate, default=300, metavar="N",
        help="the most requests a second; the least are a fifth of it (default: 300)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="decides requests and events (default: random)"
    )
    parser.add_argument(
        "--database", choices=list(DATABASES), help="as for `scripts/cluster up`"
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--release", action="store_true", help="build a release (the default)")
    choice.add_argument("--debug", action="store_true", help="build for debugging")
    choice.add_argument("--binaries", metavar="FOLDER", help="use the programs in this folder")
    parser.add_argument(
        "--base", type=int, default=21400, metavar="PORT", help="the first of 100 ports (21400)"
    )
    parser.add_argument(
        "--dir", type=Path, default=REPOSITORY / ".cluster-soak", metavar="FOLDER",
        help="for the cluster; removed at the end if all is well (default: .cluster-soak)",
    )
    parser.add_argument(
        "--results", type=Path, default=REPOSITORY / "load-tests" / "results", metavar="FOLDER",
        help="for the figures and the page (default: load-tests/results)",
    )
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.randrange(1_000_000)
    options.dir = options.dir.absolute()
    return options
