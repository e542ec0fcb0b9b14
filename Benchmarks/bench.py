"""Compares kv-api with other software for the same job in one run, and prints one table.

By default it compares the single node with webdis, nginx, Redis and SQLite; with --cluster, the
cluster with webdis, pgbench, librabbitmq and the same API in FastAPI; with --all, both. The
cluster's database is CockroachDB if it is installed, else PostgreSQL; --database chooses.
Contenders take turns (A B C A B C …), because a machine's speed drifts; a figure is the median of
its rounds. Processor time is that of the serving processes, from /proc; `behind` is that of the
services behind them.
"""

import argparse
import contextlib
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict

from kvbench import embedded, memory
from kvbench.comparison import MEASURES, bench_cluster
from kvbench.report import save, table
from kvbench.running import database_named


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", required=True, help="the folder of the release build")
    parser.add_argument("--results", required=True, help="the folder for the table and the figures")
    parser.add_argument("--cluster", action="store_true", help="measure the cluster")
    parser.add_argument("--all", action="store_true", help="measure both")
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--soak", type=int, help="seconds of mixed load (60; quick: 20)")
    parser.add_argument("--profile", action="store_true", help="profile all loads")
    parser.add_argument("--base", type=int, default=27000, help="the cluster's first port (27000)")
    parser.add_argument(
        "--only",
        help=f"of the cluster's: {', '.join(MEASURES)}; of a single node: {embedded.WATCHERS}",
    )
    parser.add_argument(
        "--database",
        choices=["postgres", "cockroach"],
        help="the cluster's (CockroachDB where KV_COCKROACH or the PATH has one, else PostgreSQL)",
    )
    options = parser.parse_args()
    unknown = set(options.only.split(",") if options.only else ()) - set(MEASURES)
    if unknown:
        parser.error(f"--only knows {', '.join(MEASURES)}, and not {', '.join(sorted(unknown))}")
    options.seconds, options.rounds = (2, 3) if options.quick else (5, 5)
    options.soak = options.soak or (20 if options.quick else 60)
    # nginx resolves relative paths against its own prefix.
    options.binaries = os.path.abspath(options.binaries)
    options.results = os.path.abspath(options.results)
    return options


def main():
    options = arguments()
    memory.raise_file_limit()
    # So that the started processes are stopped in this case as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    # Beside the results, on the disk of the checkout: /tmp may be in memory.
    os.makedirs(options.results, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.results)
    rows, samples, profiles, places = [], [], {}, [f"{os.cpu_count()} cores", "loopback"]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if options.all or options.cluster:
            places.append(database_named(options, folder))
        if options.only == embedded.WATCHERS and not options.cluster:
            rows = embedded.bench_watchers(options, folder)
        elif options.all or not options.cluster:
            rows, samples = embedded.bench(options, folder)
        if options.all or options.cluster:
            cluster_rows, profiles = bench_cluster(options, folder)
            rows += [*([None] if rows else []), *cluster_rows]
    title = (
        f"{', '.join(places)}, 64 connections, 100-byte values,"
        f" {options.rounds} rounds of {options.seconds} s,"
        f" {platform.system()} {platform.release()}"
    )
    text = f"{title}\n\n{table(rows)}"
    missed = sum(row.verdict == "MISS" for row in rows if row)
    text += f"\n\n{missed} goals missed." if missed else "\n\nEvery goal reached."
    for name, symbols in profiles.items():
        text += f"\n\n{name}: where kv-api spends its time\n{symbols}"
    figures = {
        "machine": title,
        "rows": [asdict(row) for row in rows if row],
        "soak": [{"second": second, "rss_bytes": rss} for second, rss in samples],
    }
    path = save(options.results, time.strftime("%Y%m%d-%H%M%S"), text, figures)
    print(f"\n{text}\n\nSaved as {path}.txt and .json")


if __name__ == "__main__":
    main()
