"""The program of `make bench`: see --help, and Benchmarks/README.md."""

import contextlib
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict

from kvbench import embedded, limits, memory, scale
from kvbench.beside import Beside
from kvbench.comparison import bench_cluster
from kvbench.options import arguments
from kvbench.report import save, table
from kvbench.running import database_named
from kvbench.turns import say


def main():
    options = arguments()
    memory.raise_file_limit()
    # So that the started processes are stopped in this case as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    # Beside the results, on the disk of the checkout: /tmp may be in memory.
    os.makedirs(options.results, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.results)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, loopback"
        if options.has_cluster:
            machine += f", {database_named(options, folder)}"
        beside = stack.enter_context(Beside())
        say(f"Load average before: {beside.load_average:.2f}")
        if options.scale:
            scale.bench(options, folder, machine, beside)
        elif options.limits:
            limits.bench(options, folder, machine, beside)
        else:
            compare(options, folder, machine, beside)


def compare(options, folder, machine, beside):
    rows, samples, profiles = [], [], {}
    if options.has_single:
        rows, samples = embedded.bench(options, folder)
    if options.has_cluster:
        cluster_rows, profiles = bench_cluster(options, folder)
        rows += [*([None] if rows else []), *cluster_rows]
    title = (
        f"{machine}, 64 connections, 100-byte values,"
        f" {options.rounds} rounds of {options.seconds} s"
    )
    text = f"{beside.line()}\n{title}\n\n{table(rows)}"
    missed = sum(row.verdict == "MISS" for row in rows if row)
    text += f"\n\n{missed} goals missed." if missed else "\n\nEvery goal reached."
    for name, symbols in profiles.items():
        text += f"\n\n{name}: where kv-api spends its time\n{symbols}"
    figures = {
        "beside": beside.figures(),
        "machine": title,
        "rows": [asdict(row) | {"spread": row.spread} for row in rows if row],
        "soak": [{"second": second, "rss_bytes": rss} for second, rss in samples],
    }
    path = save(options.results, time.strftime("%Y%m%d-%H%M%S"), text, figures)
    print(f"\n{text}\n\nSaved as {path}.txt and .json")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted")
