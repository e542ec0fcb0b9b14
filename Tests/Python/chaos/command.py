"""The command line of scripts/chaos."""

import argparse
import contextlib
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from kvcluster import Cluster, ClusterError
from kvcluster.build import build
from kvcluster.cluster import DATABASES
from kvcluster.folder import REPOSITORY
from kvcluster.ports import SPAN

from .disks import Disks
from .faults import World
from .health import Health
from .journal import Journal
from .network import Network
from .report import summary
from .run import Run
from .schedule import SYSTEMS, Schedule
from .sessions import sessions
from .ways import WAYS

DESCRIPTION = """\
Starts a cluster on this machine, lets clients read and write the same keys, and breaks its parts by
a schedule that the seed decides. After each group of faults everything has to recover, and all that
clients and watchers were told is checked. The exit code is 0 if every promise was kept, else 1, and
2 if the run itself could not be carried out. What RabbitMQ's issue 6179 stops is mended as the
runbook says, and counted as a remedy."""


def parser():
    found = argparse.ArgumentParser(
        prog="scripts/chaos",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--seconds", type=_seconds, default=60, help="how long (default: 60)")
    found.add_argument("--seed", default=None, help="repeats a schedule (default: a new one)")
    found.add_argument(
        "--longest", type=_seconds, default=8, metavar="SECONDS",
        help="the longest time of a fault; twice that for nodes of a database or a queue (8)",
    )
    found.add_argument(
        "--breaks", type=int, choices=[1, 2, 3], default=1,
        help="how many faults at a time may take a majority away (1)",
    )
    found.add_argument(
        "--kinds", type=_some_of(WAYS), default=[], metavar="KIND,…",
        help=f"only these, of {', '.join(WAYS)}",
    )
    found.add_argument(
        "--systems", type=_some_of(SYSTEMS), default=[], metavar="PART,…",
        help=f"only about these: {', '.join(SYSTEMS)}",
    )
    found.add_argument(
        "--patience", type=_seconds, default=120, metavar="SECONDS",
        help="how long everything may take to be healthy after faults, and then to decide what was "
        "queued and to send all events (120); more on a slow machine",
    )
    found.add_argument(
        "--ordered", action="store_true",
        help="an event that comes after a newer one of its key is a violation, not only counted",
    )
    found.add_argument("--database", choices=list(DATABASES), help="as for `scripts/cluster up`")
    found.add_argument(
        "--base", type=int, metavar="PORT", default=int(os.environ.get("KV_TEST_BASE", "24000")),
        help=f"the first of {2 * SPAN} ports (default: KV_TEST_BASE, or 24000)",
    )
    found.add_argument(
        "--binaries", type=Path, metavar="FOLDER", help="use the programs in this folder"
    )
    found.add_argument("--dir", type=Path, help="a new folder for the cluster; it is kept")
    found.add_argument("--plan", type=int, metavar="N", help="only print N groups of the schedule")
    return found


def _seconds(text):
    found = float(text)
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError("has to be more than 0")
    return found


def _some_of(names):
    def taken(text):
        found = text.split(",")
        if unknown := set(found) - set(names):
            raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
        return found

    return taken


def repetition(options, seed, database):
    """The command that repeats the schedule of a run."""
    usual = parser()
    words = ["scripts/chaos", "--seed", seed, "--database", database]
    for name in ("seconds", "longest", "breaks"):
        if (value := getattr(options, name)) != usual.get_default(name):
            words += [f"--{name}", f"{value:g}"]
    for name in ("kinds", "systems"):
        if chosen := getattr(options, name):
            words += [f"--{name}", ",".join(chosen)]
    return shlex.join(words)


def main(arguments=None):
    """Runs. Returns the exit code."""
    options = parser().parse_args(arguments)
    seed = options.seed or str(random.SystemRandom().randrange(1_000_000))
    # An end by a signal cleans up as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options.binaries = options.binaries and options.binaries.absolute()
    made = (options.dir or Path(tempfile.mkdtemp(prefix="kv-chaos-"))).absolute()
    made.mkdir(parents=True, exist_ok=True)
    # Where a service may leave the memory that it had when it ended.
    os.chdir(made)
    # PostgreSQL's user has to get in.
    made.chmod(0o755)
    code = 2
    try:
        code = _run(options, seed, made)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception:
        # Not 1, which stands for a violation.
        traceback.print_exc()
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
    finally:
        if code == 0 and not options.dir:
            shutil.rmtree(made, ignore_errors=True)
        else:
            _print(f"Logs and all histories are in {made}")
    return code


def _print(line):
    print(line, flush=True)


def _run(options, seed, made):
    cluster = Cluster(
        made / "cluster", base=options.base, database=options.database, detour=SPAN
    )
    if not options.plan:
        cluster.binaries = _programs(options.binaries, cluster.database)
    wanted = ["postgres"] if cluster.database == "postgres" else ["cockroach-3"]
    with contextlib.ExitStack() as stack:
        stack.callback(_keep_logs, cluster, made)
        disks = stack.enter_context(Disks(cluster.folder, [*wanted, "rabbitmq-3"]))
        schedule = Schedule(
            seed, cluster.database, disks.names, options.longest, options.kinds, options.systems,
            options.breaks,
        )
        _print(f"Chaos on {DATABASES[cluster.database]} for {options.seconds:g} s, seed {seed}")
        if disks.reason:
            _print(f"No disk becomes full: {disks.reason}")
        if options.plan:
            for number in range(options.plan):
                _print(f"{number + 1:3}  " + "; ".join(map(str, schedule.group())))
            return 0
        network = stack.enter_context(Network.of(cluster))
        # While the proxy still runs: a RabbitMQ that can't reach epmd behind it starts another one.
        stack.callback(lambda: cluster.kill(cluster.names))
        begin = time.monotonic()
        health = Health(cluster)
        if wrong := health.recover(options.patience):
            raise ClusterError(wrong)
        _print(f"The cluster has started in {time.monotonic() - begin:.0f} s")
        found = stack.enter_context(open(made / "violations.txt", "w", encoding="utf-8"))
        journal = Journal(_print, lambda line: print(line, file=found, flush=True))
        archive = stack.enter_context(open(made / "histories.jsonl", "w", encoding="utf-8"))
        world = World(cluster, network, disks, sessions(cluster))
        run = Run(
            world, health, schedule, journal, archive, seed, options.patience, options.ordered
        )
        run.go(options.seconds)
        _print("")
        for line in summary(run, journal, DATABASES[cluster.database], seed):
            _print(line)
        _print(f"repeat               {repetition(options, seed, cluster.database)}")
        if journal.errors:
            raise ClusterError(f"the run has failed: {journal.errors[0]!r}")
        return 1 if journal.violations else 0


def _programs(chosen, database):
    """The folder of kv-api and kv-worker, which are built if none was chosen."""
    if chosen:
        return str(chosen)
    groups = ["build", "cluster", *(["postgres"] if database == "postgres" else [])]
    if subprocess.run([REPOSITORY / "scripts/packages", *groups], check=False).returncode != 0:
        raise ClusterError("the packages that it needs could not be installed; see above")
    return build("debug", ["kv-api", "kv-worker"])


def _keep_logs(cluster, made):
    """Ends the cluster. Only its logs are kept."""
    # A second Ctrl-C must not leave processes behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cluster.kill(cluster.names)
    logs = cluster.folder / "logs"
    if logs.is_dir():
        shutil.copytree(logs, made / "logs", dirs_exist_ok=True)
    cluster.down(purge=True)
