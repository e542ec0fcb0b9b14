"""The single node: kv-api on SQLite beside webdis, nginx, Redis and SQLite alone."""

import contextlib
import os
import shutil
import time

from . import memory, watchers
from .contenders import KeyValueAPI, Nginx, Redis, Webdis
from .load import KEYS_WRITTEN, redis_benchmark, requests, sqlite_rows, wrk
from .report import Row, judged
from .turns import say, take_turns

MEBIBYTE = 2**20
# In --only.
WATCHERS = "watchers"


def bench(options, folder):
    """All rows, and the samples of the soak."""
    binary = os.path.join(options.binaries, "kv-api")
    with contextlib.ExitStack() as stack:

        def started(server):
            stack.callback(server.stop)
            return server

        # An empty database as kv-api creates it.
        template = KeyValueAPI(binary, folder)
        database = os.path.join(folder, "baseline.sqlite")
        template.stop()
        shutil.copy(template.database(), database)

        servers = {io: started(KeyValueAPI(binary, folder, io)) for io in ("epoll", "dispatch")}
        redis = started(Redis(folder))
        webdis = started(Webdis(folder, redis.port))
        nginx = started(Nginx(folder))
        for server in [*servers.values(), redis]:
            server.prepare()
        seconds, rounds = options.seconds, options.rounds
        rows = bench_reads(servers, redis, webdis, nginx, seconds, rounds)
        rows += [
            None,
            *bench_writes(
                servers, os.path.join(options.binaries, "sqlite_rows"), database, seconds, rounds
            ),
        ]
        for server in servers.values():
            server.stop()
        rows += [None, *bench_watchers(options, folder)]
        memory_rows, samples = bench_memory(binary, folder, options.soak)
        return [*rows, None, *memory_rows], samples


def bench_reads(servers, redis, webdis, nginx, seconds, rounds):
    def load(server, *behind):
        return lambda seconds: wrk(server.read, "get", seconds, (server, *behind))

    say("GET of a cached key")
    series = take_turns(
        {
            **{f"GET kv-api, {io}": load(server) for io, server in servers.items()},
            "GET webdis + Redis": load(webdis, redis),
            "GET nginx `return 200`": load(nginx),
            "GET redis-benchmark": lambda seconds: redis_benchmark(redis, seconds),
        },
        seconds,
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
        put = requests(server.url, "/kv/bench/")
        return lambda seconds: wrk(
            put, "put", seconds, (server,), keys=KEYS_WRITTEN, wanted=(200, 201)
        )

    say("Durable PUT")
    series = take_turns(
        {
            **{f"PUT kv-api, {io}": load(server) for io, server in servers.items()},
            "SQLite, one row a commit": lambda seconds: sqlite_rows(program, database, seconds),
        },
        seconds,
        rounds,
    )
    baseline = series["SQLite, one row a commit"].per_second
    ratio = series["PUT kv-api, epoll"].per_second / baseline
    rows = [one.row() for one in series.values()]
    judged(rows[0], "≥ 10 × SQLite", f"{ratio:.1f} ×", ratio >= 10)
    return rows


def bench_watchers(options, folder):
    binary = os.path.join(options.binaries, "kv-api")
    program = os.path.join(options.binaries, "watchers")
    with stopped_afterwards(KeyValueAPI(binary, folder)) as server:
        return watchers.bench(program, server, server.port, options.seconds, options.rounds)


def bench_memory(binary, folder, soak_seconds):
    with stopped_afterwards(KeyValueAPI(binary, folder)) as server:
        time.sleep(1)
        idle = server.rss_bytes() / MEBIBYTE
        row = Row("RSS at rest", f"{idle:.1f} MiB")
        rows = [judged(row, "≤ 30 MiB", row.measured, idle <= 30)]
        say(f"{memory.CONNECTIONS_IDLE:,} idle connections")
        before, after = memory.rss_with_idle_connections(server)
        more = (after - before) / MEBIBYTE
        row = Row(f"RSS of {memory.CONNECTIONS_IDLE:,} idle connections", f"{more:.1f} MiB more")
        rows.append(judged(row, "≤ 150 MiB", row.measured, more <= 150))
    with stopped_afterwards(KeyValueAPI(binary, folder)) as server:
        say(f"Mixed load for {soak_seconds} s")
        samples = memory.soak(server, soak_seconds, say)
        growth = memory.slope(samples) * 60 / MEBIBYTE
        peak = max(rss for _, rss in samples) / MEBIBYTE
        row = Row(f"RSS over {soak_seconds} s of mixed load", f"at most {peak:.1f} MiB")
        rows.append(judged(row, "flat: ≤ 0.5 MiB/min", f"{growth:+.2f} MiB/min", growth <= 0.5))
    return rows, samples


@contextlib.contextmanager
def stopped_afterwards(server):
    try:
        yield server
    finally:
        server.stop()
