"""The cluster's queued writes: the rates of acceptance and of application."""

import http.client
import json
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .load import CONNECTIONS, VALUE, Clock, told
from .report import Row, judged
from .turns import say, take_turns

# Unconfirmed messages of librabbitmq: one for each client.
OUTSTANDING = CONNECTIONS
DRAIN_SECONDS_MAX = 120
# Writes that are queued while the workers are stopped, the clients that send them, and the rounds.
WRITES, SENDERS, DRAIN_ROUNDS = 10_000, 16, 3
HEADERS = {"Content-Type": "text/plain", "Prefer": "respond-async"}


def accepted(measures):
    say("PUT with Prefer: respond-async")
    cluster, broker, drains = measures.cluster, measures.broker, []
    put = measures.put(prefer="respond-async")

    def load(seconds):
        run = put(seconds)
        depth = broker.depth("kv.writes")
        drains.append((seconds, depth, _drained(cluster)))
        return run

    ours, theirs = "PUT queued: kv-api (202)", f"librabbitmq, {OUTSTANDING} unconfirmed"
    contenders = {ours: load, theirs: lambda seconds: broker.confirms(seconds, OUTSTANDING)}
    series = take_turns(contenders, measures.seconds, measures.rounds)
    broker.delete("bench.confirms")
    rows = {name: one.row() for name, one in series.items()}
    measures.judge_ratio(rows, series, ours, theirs, measures.goals.queued, put)
    measures.add_series(rows, series, _drain_rows(measures, drains[1:], put))


def _drained(cluster):
    """Seconds until a write that is queued now can be read; all earlier ones are delivered
    before."""
    start, mark = time.monotonic(), str(time.time_ns())
    status, _ = cluster.request("PUT", "/kv/bench/last", mark, HEADERS)
    if status != 202:
        raise RuntimeError(f"a write that prefers to be queued was answered {status}")
    while time.monotonic() - start < DRAIN_SECONDS_MAX:
        _, value = cluster.request("GET", "/kv/bench/last", headers={"Cache-Control": "no-cache"})
        if value == mark.encode():
            return time.monotonic() - start
        time.sleep(0.02)
    raise RuntimeError(f"the queue was not drained within {DRAIN_SECONDS_MAX} s")


def _drain_rows(measures, drains, put):
    goal = measures.goals.drain_share
    depth = max(depth for _, depth, _ in drains)
    slowest = max(drain / seconds for seconds, _, drain in drains)
    text = ", ".join(f"{drain:.1f}" for *_, drain in drains)
    ready = Row("  messages ready in the queue at the end", f"at most {depth:,}")
    # If the workers can't keep up, the time grows with the duration of the load.
    drained = Row("  seconds to drain, each run", text)
    if goal is not None:
        judged(drained, f"≤ {goal} × the load's", f"{slowest:.2f} ×", slowest <= goal)
        if slowest > goal:
            measures.missed["The workers do not keep up"] = put
    return [ready, drained]


def drained(measures):
    """The time that the workers need for writes that were queued while they were stopped."""
    say(f"{WRITES:,} queued writes, drained")
    cases = {
        f"{WRITES:,} queued writes of one key": lambda number: "one",
        f"{WRITES:,} queued writes of distinct keys": str,
    }
    drains = {name: [] for name in cases}
    for number in range(1, DRAIN_ROUNDS + 1):
        for name, key in cases.items():
            drain = Drain(measures.cluster, key)
            drains[name].append(drain)
            say(f"  round {number}/{DRAIN_ROUNDS}  {name}: {drain.seconds:.1f} s")
    goal = measures.goals.drain_seconds
    rows = []
    for name, runs in drains.items():
        seconds = [run.seconds for run in runs]
        median = statistics.median(seconds)
        row = Row(
            f"{name}: kv-worker",
            f"{median:.1f} s ({min(seconds):.1f}–{max(seconds):.1f})",
            f"{statistics.median(run.cpu_microseconds for run in runs):.1f}",
            f"{statistics.median(run.behind_microseconds for run in runs):.1f}",
            rounds=seconds,
        )
        results = sum((Counter(run.results) for run in runs), Counter())
        retries = sum(run.retries for run in runs)
        if retries:
            results["batches tried again"] = retries
        rows.append(judged(row, f"≤ {goal:g} s", f"{median:.1f} s", median <= goal))
        rows.append(Row("  results of all runs", told(results)))
    measures.add(rows)


class Drain:
    """One run: queues writes without workers, starts the workers, and waits until all writes are
    done. The time counts from the start of the workers' processes."""

    def __init__(self, cluster, key):
        self.cluster = cluster
        self.prefix = f"bench/{time.time_ns()}/"
        cluster.stop_workers()
        try:
            self._queue(key)
        except BaseException:
            cluster.start_workers()
            raise
        clock = Clock([*cluster.databases, *cluster.redis, *cluster.brokers])
        start = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(cluster.start_workers)
            self.results = self._await(start, starting)
            self.seconds = time.monotonic() - start
            starting.result()
        self.behind_microseconds = clock.microseconds_each(WRITES)
        self.retries = int(cluster.counted("kv_worker_retries_total", cluster.worker_ports))
        # New processes, whose whole time belongs to this run.
        self.cpu_microseconds = sum(one.cpu_seconds() for one in cluster.workers) / WRITES * 1e6
        self._check()

    def _queue(self, key):
        statuses = Counter()
        lock = threading.Lock()

        def send(first):
            port = self.cluster.api_ports[0]
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            mine = Counter()
            for number in range(first, WRITES, SENDERS):
                connection.request("PUT", f"/kv/{self.prefix}{key(number)}", VALUE, HEADERS)
                answer = connection.getresponse()
                answer.read()
                mine[str(answer.status)] += 1
            connection.close()
            with lock:
                statuses.update(mine)

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, range(SENDERS)))
        if set(statuses) != {"202"}:
            raise RuntimeError(f"writes that prefer to be queued were answered {told(statuses)}")

    def _await(self, start, starting):
        """The results of the writes, as the workers count them."""
        done = {}
        while time.monotonic() - start < DRAIN_SECONDS_MAX:
            if starting.done():
                starting.result()
            try:
                done = self._results()
            except ConnectionError:
                # One of the workers is not ready yet.
                done = {}
            if sum(done.values()) >= WRITES:
                return done
            time.sleep(0.05)
        raise RuntimeError(
            f"{sum(done.values()):,} of {WRITES:,} writes were done within {DRAIN_SECONDS_MAX} s"
        )

    def _results(self):
        names = ("applied", "superseded", "precondition_failed", "failed")
        counts = {
            name: self.cluster.counted(
                "kv_worker_operations_total", self.cluster.worker_ports, result=name
            )
            for name in names
        }
        return {name: int(count) for name, count in counts.items() if count}

    def _check(self):
        """Checks that every applied write counts as one version of its key."""
        versions, after = 0, ""
        while after is not None:
            path = f"/kv?prefix={self.prefix}&limit=1000{after}"
            page = json.loads(self.cluster.request("GET", path)[1])
            versions += sum(item["version"] for item in page["items"])
            cursor = page.get("next_cursor")
            after = f"&cursor={cursor}" if cursor else None
        if versions != self.results.get("applied"):
            raise RuntimeError(f"{told(self.results)}; but the keys count {versions:,} versions")
