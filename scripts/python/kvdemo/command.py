"""The command line of scripts/demo."""

import argparse
import contextlib
import io
import os
import signal
import sys
import webbrowser

import kvcluster.command
from kvcluster import Cluster
from kvcluster.cluster import DATABASES
from kvcluster.errors import ClusterError
from kvcluster.folder import REPOSITORY

from .faults import FAULTS, chosen
from .load import Load
from .show import Show
from .watcher import Watcher

DEFAULT = REPOSITORY / ".cluster-demo"

DESCRIPTION = """\
Starts a cluster on this machine, gives it some load, and breaks a part of it every minute. Each
fault is told: what happens, where to look, what is promised, and what clients noticed. At the end,
or at Ctrl-C, everything is stopped and removed. The exit code is 0 if every promise was kept."""


def faults(text):
    """The value of --faults."""
    names = text.split(",")
    known = [fault.name for fault in FAULTS]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"there is no {name}; there are {', '.join(known)}")
    return names


def seconds(text):
    """A time of at least a second."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if 1 <= number <= 86400:
        return number
    raise argparse.ArgumentTypeError("1 to 86400 seconds are possible")


def parser():
    names = ", ".join(fault.name for fault in FAULTS)
    found = argparse.ArgumentParser(
        prog="scripts/demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument(
        "--seconds", type=seconds, default=60, help="from one fault to the next (default: 60)"
    )
    found.add_argument(
        "--pause", type=seconds, help="to read before each fault (default: a quarter of it)"
    )
    found.add_argument("--step", action="store_true", help="wait for Enter before each fault")
    found.add_argument(
        "--faults", type=faults, metavar="NAME,…", help=f"only these, of {names} (default: all)"
    )
    found.add_argument(
        "--database", choices=list(DATABASES), help="as for `scripts/cluster up`"
    )
    found.add_argument(
        "--base", type=int, metavar="PORT", default=21200, help="the first of 100 ports (21200)"
    )
    found.add_argument(
        "--dir", metavar="FOLDER", default=DEFAULT, help="for its data (default: .cluster-demo)"
    )
    found.add_argument("--binaries", metavar="FOLDER", help="use the programs in this folder")
    found.add_argument(
        "--no-browser", action="store_true", help="do not open the console, even on a desktop"
    )
    return found


def main(arguments=None):
    """Runs the demonstration. Returns the exit code."""
    options = parser().parse_args(arguments)
    # An end by a signal cleans up as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if Cluster(options.dir).folder.plan:
        print(
            f"error: there is a cluster in {options.dir} already; end it with "
            f"`scripts/cluster down --purge --dir {options.dir}`, or name another --dir",
            file=sys.stderr,
        )
        return 1
    try:
        return _run(options)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    finally:
        print("Stopping and removing the cluster.", file=sys.stderr)
        # A second Ctrl-C must not leave processes behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Cluster(options.dir).down(purge=True)


def _run(options):
    words = ["up", "--dir", str(options.dir), "--base", str(options.base)]
    for name in ("database", "binaries"):
        if value := getattr(options, name):
            words += [f"--{name}", value]
    # Without what `up` says at its end about how to go on.
    with contextlib.redirect_stdout(io.StringIO()):
        code = kvcluster.command.main(words)
    if code:
        return code
    cluster = Cluster(options.dir)
    shown = chosen(options.faults, cluster.database)
    if not shown:
        raise ClusterError(f"{cluster.database} can show none of {', '.join(options.faults)}")
    if not options.no_browser and _has_desktop():
        webbrowser.open(f"{cluster.url}/")
    port = cluster.ports.nginx
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(Watcher([port], "demo/"))
        # What was written before it has begun would count as missed.
        if not watcher.has_begun.wait(60):
            raise ClusterError("changes can't be watched: see `scripts/cluster logs kv-api-1`")
        load = stack.enter_context(Load(port))
        pause = options.pause or options.seconds / 4
        show = Show(
            cluster, load, watcher, options.seconds, pause, options.step, sys.stdout
        )
        show.introduce(shown)
        for number, fault in enumerate(shown, 1):
            show.run(number, len(shown), fault)
    show.conclude()
    return 0 if show.is_good else 1


def _has_desktop():
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
