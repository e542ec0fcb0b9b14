"""The single node: kv-api on SQLite beside webdis, nginx, Redis and SQLite alone."""

import contextlib
import os
import shutil
import statistics
import time

from . import memory, watchers
from .contenders import KeyValueAPI, Nginx, Redis, Webdis
from .load import KEYS_WRITTEN, redis_benchmark, requests, sqlite_rows, wrk
from .report import Row, judged, unmeasured
from .turns import say, take_turns

MEBIBYTE = 2**20
# The required multiples of the rates of webdis and of SQLite.
READS, WRITES = 1.6, 8
READ_CPU_MICROSECONDS = 10
STARTS, START_SECONDS = 10, 0.3
IDLE_SECONDS, IDLE_MEBIBYTES = 5, 30
POLLERS = ("epoll", "dispatch")


class Single:
    """The measurements of single nodes, which start servers of their own. They add to `rows`."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.seconds, self.rounds = options.seconds, options.rounds
        self.rows = []
        # Of the soak: seconds and bytes.
        self.samples = []

    def program(self, name):
        return os.path.join(self.options.binaries, name)

    def started(self, stack, io="epoll"):
        """A kv-api, which is stopped at the end of the stack."""
        return _stopped(stack, KeyValueAPI(self.program("kv-api"), self.folder, io))

    def add(self, rows):
        """Adds rows below a line."""
        self.rows += [*([None] if self.rows else []), *rows]


def bench(options, folder):
    """All rows, and the samples of the soak. A measurement that fails becomes a row with the
    reason; the others still run."""
    single = Single(options, folder)
    for name, measure in MEASURES.items():
        if options.only and name not in options.only:
            continue
        try:
            with contextlib.ExitStack() as stack:
                measure(single, stack)
        except Exception as error:
            # Keep the other figures, whatever failed.
            say(f"  failed: {error!r}")
            single.add([unmeasured(name, error)])
    return single.rows, single.samples


def reads(single, stack):
    servers = {io: single.started(stack, io) for io in POLLERS}
    redis = _stopped(stack, Redis(single.folder))
    webdis = _stopped(stack, Webdis(single.folder, redis.port))
    nginx = _stopped(stack, Nginx(single.folder))
    for server in [*servers.values(), redis]:
        server.prepare()

    def load(server, *behind):
        return lambda seconds: wrk(server.read, "get", seconds, (server, *behind))

    say("GET of a cached key")
    ours, theirs = "GET kv-api, epoll", "GET webdis + Redis"
    contenders = {
        **{f"GET kv-api, {io}": load(server) for io, server in servers.items()},
        theirs: load(webdis, redis),
        "GET nginx `return 200`": load(nginx),
        "GET redis-benchmark": lambda seconds: redis_benchmark(redis, seconds),
    }
    series = take_turns(contenders, single.seconds, single.rounds, [(ours, theirs)])
    ratio = series[ours].per_second / series[theirs].per_second
    rows = [one.row() for one in series.values()]
    judged(rows[0], f"≥ {READS:g} × webdis", f"{ratio:.2f} ×", ratio >= READS)
    microseconds = series[ours].cpu_microseconds
    cpu = Row(f"{ours}: CPU a request", f"{microseconds:.1f} µs")
    passes = microseconds <= READ_CPU_MICROSECONDS
    rows.insert(1, judged(cpu, f"≤ {READ_CPU_MICROSECONDS} µs", cpu.measured, passes))
    single.add(rows)


def writes(single, stack):
    # An empty database as kv-api creates it.
    with contextlib.ExitStack() as template:
        server = single.started(template)
    database = os.path.join(single.folder, "baseline.sqlite")
    shutil.copy(server.database(), database)
    servers = {io: single.started(stack, io) for io in POLLERS}

    def load(server):
        put = requests(server.url, "/kv/bench/")
        return lambda seconds: wrk(
            put, "put", seconds, (server,), keys=KEYS_WRITTEN, wanted=(200, 201)
        )

    say("Durable PUT")
    ours, theirs = "PUT kv-api, epoll", "SQLite, one row a commit"
    program = single.program("sqlite_rows")
    contenders = {
        **{f"PUT kv-api, {io}": load(server) for io, server in servers.items()},
        theirs: lambda seconds: sqlite_rows(program, database, seconds),
    }
    series = take_turns(contenders, single.seconds, single.rounds, [(ours, theirs)])
    ratio = series[ours].per_second / series[theirs].per_second
    rows = [one.row() for one in series.values()]
    judged(rows[0], f"≥ {WRITES:g} × SQLite", f"{ratio:.1f} ×", ratio >= WRITES)
    single.add(rows)


def watched(single, stack):
    server = single.started(stack)
    program = single.program("watchers")
    single.add(watchers.bench(program, server, server.port, single.seconds, single.rounds))


def starts(single, stack):
    """From the start of the process until /health/ready is answered 200, with a new database."""
    say(f"{STARTS} starts")
    seconds = []
    for _ in range(STARTS):
        with contextlib.ExitStack() as once:
            seconds.append(single.started(once).start_seconds)
    median = statistics.median(seconds)
    measured = f"{median:.3f} s ({min(seconds):.3f}–{max(seconds):.3f})"
    row = Row("from start to ready", measured, rounds=seconds)
    single.add([judged(row, f"< {START_SECONDS:g} s", f"{median:.3f} s", median < START_SECONDS)])


def at_rest(single, stack):
    server = single.started(stack)
    time.sleep(IDLE_SECONDS)
    idle = server.rss_bytes() / MEBIBYTE
    row = Row("RSS at rest", f"{idle:.1f} MiB")
    rows = [judged(row, f"≤ {IDLE_MEBIBYTES} MiB", row.measured, idle <= IDLE_MEBIBYTES)]
    say(f"{memory.CONNECTIONS_IDLE:,} idle connections")
    before, after = memory.rss_with_idle_connections(server)
    more = (after - before) / MEBIBYTE
    row = Row(f"RSS of {memory.CONNECTIONS_IDLE:,} idle connections", f"{more:.1f} MiB more")
    rows.append(judged(row, "≤ 150 MiB", row.measured, more <= 150))
    single.add(rows)


def soak(single, stack):
    server, seconds = single.started(stack), single.options.soak
    say(f"Mixed load for {seconds} s")
    single.samples = samples = memory.soak(server, seconds, say)
    growth = memory.slope(samples) * 60 / MEBIBYTE
    peak = max(rss for _, rss in samples) / MEBIBYTE
    row = Row(f"RSS over {seconds} s of mixed load", f"at most {peak:.1f} MiB")
    judged(row, "flat: ≤ 0.5 MiB/min", f"{growth:+.2f} MiB/min", growth <= 0.5)
    single.add([row])


# By their names in --only, in the order of the table.
MEASURES = {
    "reads": reads,
    "writes": writes,
    "watchers": watched,
    "starts": starts,
    "memory": at_rest,
    "soak": soak,
}


def _stopped(stack, server):
    stack.callback(server.stop)
    return server
