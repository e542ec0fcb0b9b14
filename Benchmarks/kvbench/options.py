"""The command line of bench.py."""

import argparse
import os

from . import comparison, embedded, limits, scale

DESCRIPTION = """\
Compares kv-api with other software for the same job in one run, and prints one table.

By default it compares the single node with webdis, nginx, Redis and SQLite; with --cluster, the
cluster with webdis, pgbench, librabbitmq, a constant answer and the same API in FastAPI; with
--all, both. The cluster's database is CockroachDB if it is installed, else PostgreSQL; --database
chooses. With --scale it compares kv-api with itself, as work grows, and makes a page with plots.
With --limits it drives one node, or with --cluster a cluster, past its limits: five times as many
requests as it can answer, expensive requests beside cheap ones, and abuse.

The first line says what else ran on the machine. Contenders take turns (A B C A B C …), because a
machine's speed drifts; a figure is the median of its rounds. A pair whose rounds spread by more
than 10 % gets further rounds, at most as many again. The spread of each row is in the table:
(max - min) / median, and where that is more, how many of the rounds agree and how closely.
Processor time is that of the serving processes, from /proc; `behind` is that of the services
behind them.
"""


def parser():
    made = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--binaries", required=True, help="the folder of the release build")
    add("--results", required=True, help="the folder for the table and the figures")
    add("--cluster", action="store_true", help="measure the cluster")
    add("--all", action="store_true", help="measure both")
    add("--quick", action="store_true", help="three short rounds (with --scale: one)")
    add("--soak", type=int, help="seconds of mixed load (60; quick: 20)")
    add("--profile", action="store_true", help="profile all loads of the cluster")
    add("--base", type=int, default=27000, help="the cluster's first port (27000)")
    add(
        "--database",
        choices=["postgres", "cockroach"],
        help="the cluster's (CockroachDB where KV_COCKROACH or the PATH has one, else PostgreSQL)",
    )
    add(
        "--only",
        metavar="NAME[,NAME…]",
        type=lambda text: set(text.split(",")),
        help=f"of a single node: {', '.join(embedded.MEASURES)}; of the cluster:"
        f" {', '.join(comparison.MEASURES)}; with --scale: {', '.join(scale.DIMENSIONS)}; with"
        f" --limits: {', '.join(limits.MEASURES)}",
    )
    add(
        "--limits",
        action="store_true",
        help="what happens past the limits: overload, expensive requests, abuse",
    )
    add(
        "--scale",
        action="store_true",
        help="what a request costs as keys, values, connections and watchers grow",
    )
    add(
        "--scale-keys",
        type=int,
        metavar="N",
        help="the most keys (1,000,000; a single node takes up to 10,000,000, which need about"
        " 5 GB of disk)",
    )
    add(
        "--resume",
        metavar="FILE",
        help="continue the --scale run with these figures (JSON); repeat its other options",
    )
    return made


def arguments(words=None):
    """The options, checked, with derived values."""
    made = parser()
    options = made.parse_args(words)
    options.has_single = options.all or not options.cluster
    options.has_cluster = options.all or options.cluster
    if options.scale and options.limits:
        made.error("--scale and --limits are two runs")
    known = set(limits.MEASURES if options.limits else scale.DIMENSIONS)
    is_comparison = not options.scale and not options.limits
    if is_comparison:
        single = set(embedded.MEASURES) if options.has_single else set()
        known = single | (set(comparison.MEASURES) if options.has_cluster else set())
    if unknown := (options.only or set()) - known:
        made.error(
            f"--only knows {', '.join(sorted(known))} here, and not {', '.join(sorted(unknown))}"
        )
    if options.limits:
        places = [False] * options.has_single + [True] * options.has_cluster
        if not any(limits.chosen(options.only, is_cluster) for is_cluster in places):
            where = "of a node of its own" if options.has_cluster else "of a cluster: --cluster"
            made.error(f"{', '.join(sorted(options.only))} is {where}")
    if (options.scale_keys or options.resume) and not options.scale:
        made.error("--scale-keys and --resume belong to --scale")
    options.scale_keys = options.scale_keys or scale.KEYS_DEFAULT
    if not scale.KEYS_LEAST <= options.scale_keys <= scale.KEYS_MAX:
        made.error(f"--scale-keys is {scale.KEYS_LEAST:,} to {scale.KEYS_MAX:,}")
    if options.only and is_comparison:
        options.has_single &= bool(options.only & set(embedded.MEASURES))
        options.has_cluster &= bool(options.only & set(comparison.MEASURES))
    options.seconds, options.rounds = (2, 3) if options.quick else (5, 5)
    if options.scale:
        options.seconds, options.rounds = (2, 1) if options.quick else (3, 3)
    options.soak = options.soak or (20 if options.quick else 60)
    # nginx resolves relative paths against its own prefix.
    options.binaries = os.path.abspath(options.binaries)
    options.results = os.path.abspath(options.results)
    return options
