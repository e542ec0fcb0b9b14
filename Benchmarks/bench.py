"""Measures kv-api beside webdis, nginx, Redis and SQLite, in one run, and prints one table.

Contenders take turns (A B C A B C …), because a machine's speed drifts; a figure is the median of
its rounds. Processor time is that of the serving processes alone, from /proc.
"""

import argparse
import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import asdict

from kvbench import memory
from kvbench.contenders import KeyValueAPI, Nginx, Redis, Webdis
from kvbench.load import redis_benchmark, sqlite_rows, wrk
from kvbench.report import Row, Series, judged, save, table

MEBIBYTE = 2**20


def say(text):
    print(text, file=sys.stderr, flush=True)


def take_turns(contenders, rounds):
    """Runs `{name: function}` in turn, after one short round to warm up that does not count."""
    series = {name: Series(name) for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            result = run(is_warm_up=number == 0)
            if number:
                series[name].runs.append(result)
                say(f"  round {number}/{rounds}  {name}: {result.per_second:,.0f}/s")
    return series


def bench_reads(servers, redis, webdis, nginx, seconds, rounds):
    def load(server, cpu_of=()):
        return lambda is_warm_up: wrk(
            server, server.url, 1 if is_warm_up else seconds, cpu_of=cpu_of
        )

    say("GET of a cached key")
    series = take_turns(
        {
            **{f"GET kv-api, {io}": load(server) for io, server in servers.items()},
            "GET webdis + Redis": load(webdis, cpu_of=(webdis, redis)),
            "GET nginx `return 200`": load(nginx),
            "GET redis-benchmark": lambda is_warm_up: redis_benchmark(
                redis, 1 if is_warm_up else seconds
            ),
        },
        rounds,
    )
    ours = series["GET kv-api, epoll"]
    ratio = ours.per_second / series["GET webdis + Redis"].per_second
    rows = [one.row() for one in series.values()]
    judged(rows[0], "≥ 1.5 × webdis", f"{ratio:.2f} ×", ratio >= 1.5)
    cpu = Row("GET kv-api, epoll: CPU a request", f"{ours.cpu_microseconds:.1f} µs")
    rows.insert(1, judged(cpu, "≤ 10 µs", cpu.measured, ours.cpu_microseconds <= 10))
    return rows


def bench_writes(servers, program, database, seconds, rounds):
    def load(server):
        return lambda is_warm_up: wrk(server, server.url, 1 if is_warm_up else seconds, "put.lua")

    say("Durable PUT")
    series = take_turns(
        {
            **{f"PUT kv-api, {io}": load(server) for io, server in servers.items()},
            "SQLite, one row a commit": lambda is_warm_up: sqlite_rows(
                program, database, 1 if is_warm_up else seconds
            ),
        },
        rounds,
    )
    baseline = series["SQLite, one row a commit"].per_second
    ratio = series["PUT kv-api, epoll"].per_second / baseline
    rows = [one.row() for one in series.values()]
    judged(rows[0], "≥ 10 × SQLite", f"{ratio:.1f} ×", ratio >= 10)
    return rows


def bench_memory(binary, folder, soak_seconds):
    with contextlib.closing(Stopping(KeyValueAPI(binary, folder))) as stopping:
        server = stopping.server
        time.sleep(1)
        idle = server.rss_bytes() / MEBIBYTE
        row = Row("RSS at rest", f"{idle:.1f} MiB")
        rows = [judged(row, "≤ 30 MiB", row.measured, idle <= 30)]
        say(f"{memory.CONNECTIONS_IDLE:,} idle connections")
        before, after = memory.rss_with_idle_connections(server)
        more = (after - before) / MEBIBYTE
        row = Row(f"RSS of {memory.CONNECTIONS_IDLE:,} idle connections", f"{more:.1f} MiB more")
        rows.append(judged(row, "≤ 150 MiB", row.measured, more <= 150))
    with contextlib.closing(Stopping(KeyValueAPI(binary, folder))) as stopping:
        say(f"Mixed load for {soak_seconds} s")
        samples = memory.soak(stopping.server, soak_seconds, say)
        growth = memory.slope(samples) * 60 / MEBIBYTE
        peak = max(rss for _, rss in samples) / MEBIBYTE
        row = Row(f"RSS over {soak_seconds} s of mixed load", f"at most {peak:.1f} MiB")
        rows.append(judged(row, "flat: ≤ 0.5 MiB/min", f"{growth:+.2f} MiB/min", growth <= 0.5))
    return rows, samples


class Stopping:
    """Closes a server at the end of a `with`."""

    def __init__(self, server):
        self.server = server

    def close(self):
        self.server.stop()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the release build of kv-api")
    parser.add_argument("--sqlite-rows", required=True, help="the compiled sqlite_rows.c")
    parser.add_argument("--results", required=True, help="the folder for the table and the figures")
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--soak", type=int, help="seconds of mixed load (60; quick: 20)")
    return parser.parse_args()


def main():
    options = arguments()
    # nginx takes relative paths for paths below its own prefix.
    options.results = os.path.abspath(options.results)
    seconds, rounds = (2, 3) if options.quick else (5, 5)
    soak_seconds = options.soak or (20 if options.quick else 60)
    memory.raise_file_limit()
    # Beside the results, so on the disk that holds the checkout: /tmp may be memory.
    os.makedirs(options.results, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.results)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)

        def started(server):
            stack.callback(server.stop)
            return server

        # A database as kv-api makes it, before anything is in it.
        template = KeyValueAPI(options.binary, folder)
        database = os.path.join(folder, "baseline.sqlite")
        template.stop()
        shutil.copy(template.database(), database)

        servers = {
            io: started(KeyValueAPI(options.binary, folder, io)) for io in ("epoll", "dispatch")
        }
        redis = started(Redis(folder))
        webdis = started(Webdis(folder, redis))
        nginx = started(Nginx(folder))
        for server in [*servers.values(), redis]:
            server.prepare()
        rows = bench_reads(servers, redis, webdis, nginx, seconds, rounds)
        rows += [None, *bench_writes(servers, options.sqlite_rows, database, seconds, rounds)]
        for server in servers.values():
            server.stop()
        memory_rows, samples = bench_memory(options.binary, folder, soak_seconds)
        rows += [None, *memory_rows]
    title = (
        f"{os.cpu_count()} cores, loopback, 64 connections, 100-byte values,"
        f" {rounds} rounds of {seconds} s, {platform.system()} {platform.release()}"
    )
    text = f"{title}\n\n{table(rows)}"
    figures = {
        "machine": title,
        "rows": [asdict(row) for row in rows if row],
        "soak": [{"second": second, "rss_bytes": rss} for second, rss in samples],
    }
    path = save(options.results, time.strftime("%Y%m%d-%H%M%S"), text, figures)
    print(f"\n{text}\n\nSaved as {path}.txt and .json")


if __name__ == "__main__":
    main()
