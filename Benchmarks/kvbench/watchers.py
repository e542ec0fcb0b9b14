"""Thousands of clients of GET /watch: what they cost beside writes, and when they get events."""

import http.client
import json
import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field

from .load import VALUE, Clock, requests, wrk
from .memory import Peak
from .report import Row, judged
from .turns import say, take_turns

COUNT = 5_000
# A watcher that is not slow is never ended.
READY_SECONDS_MAX = 60
# Each of these writes is an event for every watcher of everything.
WRITES_PER_SECOND = 20
KEPT_SHARE = 0.8
MEMORY_MEBIBYTES = 200
LAG_MILLISECONDS = 1_000
MEBIBYTE = 2**20


class Watchers:
    """`count` watchers (watchers.c) within a `with` block; `@` in the prefix is their number."""

    def __init__(self, program, port, prefix, count=COUNT):
        self._command = [program, str(port), str(count), prefix]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        timer = threading.Timer(READY_SECONDS_MAX, self._process.kill)
        timer.start()
        is_ready = self._process.stdout.readline() == "ready\n"
        timer.cancel()
        if not is_ready:
            self.__exit__()
            raise RuntimeError("the watchers did not get their streams")
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def begin(self):
        self._process.stdin.write("begin\n")

    def end(self):
        """What came since `begin`."""
        self._process.stdin.write("end\n")
        return json.loads(self._process.stdout.readline())


@dataclass
class Watched:
    """The figures of the watchers, a list entry for each run."""

    events: list = field(default_factory=list)
    p50: list = field(default_factory=list)
    p99: list = field(default_factory=list)
    ended: int = 0
    rss: list = field(default_factory=list)
    cores: list = field(default_factory=list)

    def add(self, figures, seconds, rss, cores):
        self.events.append(figures["events"] / seconds)
        self.p50.append(figures["p50_ms"])
        self.p99.append(figures["p99_ms"])
        self.ended += figures["ended"]
        self.rss.append(rss / MEBIBYTE)
        self.cores.append(cores)

    def rows(self, rss_without):
        usual, worst = statistics.median(self.p50), statistics.median(self.p99)
        delivered = Row(
            "  events to watchers",
            f"{statistics.median(self.events):,.0f}/s, lag p50 {usual:.1f} ms, p99 {worst:.1f} ms",
        )
        judged(
            delivered,
            f"p99 ≤ {LAG_MILLISECONDS:,} ms, none ended",
            f"{worst:.1f} ms, {self.ended} ended",
            worst <= LAG_MILLISECONDS and self.ended == 0,
        )
        more = max(self.rss) - rss_without
        memory = Row("  RSS of kv-api", f"at most {max(self.rss):.0f} MiB, {more:.0f} MiB more")
        judged(
            memory, f"≤ {MEMORY_MEBIBYTES} MiB more", f"{more:.0f} MiB", more <= MEMORY_MEBIBYTES
        )
        cores = Row("  CPU of kv-api", f"{statistics.median(self.cores):.2f} cores")
        return [delivered, memory, cores]


def bench(program, server, port, seconds, rounds, behind=()):
    """All rows. `server` is the process of the kv-api at `port`."""
    rss = server.rss_bytes() / MEBIBYTE
    return [
        *of_their_own(program, server, port, seconds, rounds, behind, rss),
        None,
        *of_everything(program, server, port, seconds, rounds, rss),
    ]


def beside_the_cluster(measures):
    cluster = measures.cluster
    program = os.path.join(measures.binaries, "watchers")
    measures.add(
        bench(
            program,
            cluster.apis[0],
            cluster.api_ports[0],
            measures.seconds,
            measures.rounds,
            cluster.backing,
        )
    )


def of_their_own(program, server, port, seconds, rounds, behind, rss):
    """Each write is an event for exactly one watcher."""
    say(f"PUT with {COUNT:,} watchers")
    load = requests(f"http://127.0.0.1:{port}/", "/kv/bench/", suffix=".")
    watched = Watched()

    def put(seconds):
        return wrk(load, "put", seconds, (server,), behind, keys=COUNT, wanted=(200, 201))

    def beside_watchers(seconds):
        with Watchers(program, port, "bench/@.") as watchers, Peak(server) as peak:
            clock = Clock([server])
            watchers.begin()
            run = put(seconds)
            watched.add(
                watchers.end(), seconds, peak.bytes, clock.microseconds_each(1) / 1e6 / seconds
            )
        return run

    ours, alone = f"PUT, {COUNT:,} watchers, a prefix each", "PUT, no watchers"
    series = take_turns({alone: put, ours: beside_watchers}, seconds, rounds)
    share = series[ours].per_second / series[alone].per_second
    row = judged(series[ours].row(), f"≥ {KEPT_SHARE:.0%}", f"{share:.0%}", share >= KEPT_SHARE)
    return [series[alone].row(), row, *watched.rows(rss)]


def of_everything(program, server, port, seconds, rounds, rss):
    """Each write is an event for all watchers."""
    say(f"{COUNT:,} watchers of everything, {WRITES_PER_SECOND} PUTs/s")
    watched = Watched()
    for _ in range(rounds):
        with Watchers(program, port, "") as watchers, Peak(server) as peak:
            clock = Clock([server])
            watchers.begin()
            write_slowly(port, seconds)
            watched.add(
                watchers.end(), seconds, peak.bytes, clock.microseconds_each(1) / 1e6 / seconds
            )
    row = Row(f"{COUNT:,} watchers of everything", f"{WRITES_PER_SECOND} PUTs/s")
    return [row, *watched.rows(rss)]


def write_slowly(port, seconds):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    start = time.monotonic()
    for number in range(seconds * WRITES_PER_SECOND):
        connection.request("PUT", f"/kv/bench/slow/{number}", VALUE, {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"a PUT was answered {answer.status}")
        time.sleep(max(0.0, start + (number + 1) / WRITES_PER_SECOND - time.monotonic()))
    connection.close()
