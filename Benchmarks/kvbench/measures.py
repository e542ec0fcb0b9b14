"""The cluster's measurements: each a set of contenders that take turns, and what is expected."""

import time

from .contenders import VALUE
from .load import wrk
from .peer import QUEUE as PEER_QUEUE
from .postgres import ROWS
from .report import Row, judged
from .turns import say, take_turns

# Reads of cached keys go round so many, so that no answer can serve two requests by chance.
KEYS_CACHED = 10_000
THREADS = "2"
# Unconfirmed messages: what the broker does best with, and what as many clients can have.
OUTSTANDING_MANY, OUTSTANDING_CLIENTS = 1000, 64
DRAIN_SECONDS_MAX = 120


class Measures:
    """All measurements of one cluster; `rows` and `missed` grow as they are made."""

    def __init__(self, cluster, services, seconds, rounds):
        self.cluster = cluster
        self.webdis = services.get("webdis")
        self.peer = services.get("peer")
        self.peer_proxy = services.get("peer_proxy")
        self.peer_workers = services.get("peer_workers", ())
        self.pgbench = services["pgbench"]
        self.broker = services["broker"]
        self.seconds = seconds
        self.rounds = rounds
        self.rows = []
        # The share of look-ups that the cache answered, for each run.
        self.hits = {"cached": [], "not cached": []}
        # The loads under which to look for where the time goes: all, and those of missed goals.
        self.loads = {}
        self.missed = {}

    # Cached reads

    def cached_reads(self):
        say("GET of cached keys")
        cluster = self.cluster
        cluster.store("bench/", KEYS_CACHED, VALUE)
        feed = "".join(f"SET bench:{number} {VALUE}\n" for number in range(1, KEYS_CACHED + 1))
        cluster.redis_cli(feed=feed)
        if self.webdis.value("bench:1") != VALUE:
            raise RuntimeError("webdis does not return the value")
        direct = self._get(cluster.url, "/kv/bench/", cluster.apis[:1])
        contenders = {
            "GET cached: kv-api": self._noting_hits("cached", direct),
            "GET cached: webdis": self._get(
                self.webdis.url, "/GET/bench:", [self.webdis], cluster.redis, ".txt"
            ),
            "GET cached: kv, Nginx": self._get(
                f"http://127.0.0.1:{cluster.nginx_port}/",
                "/kv/bench/",
                [cluster.nginx, *cluster.apis],
            ),
        }
        if self.peer:
            self.peer.store("bench/", KEYS_CACHED, VALUE)
            for name, url, servers in self._peers():
                contenders[f"GET cached: {name}"] = self._get(url, "/kv/bench/", servers)
        series = take_turns(contenders, self.seconds, self.rounds)
        ours = series["GET cached: kv-api"]
        rows = {name: one.row() for name, one in series.items()}
        self._judge_ratio(rows, series, "GET cached: kv-api", "GET cached: webdis", 1.8, direct)
        cpu = Row("  CPU of kv-api a request", f"{ours.cpu_microseconds:.1f} µs")
        passes = ours.cpu_microseconds <= 12
        judged(cpu, "≤ 12 µs", cpu.measured, passes)
        if not passes:
            self.missed[cpu.what] = direct
        extra = [cpu, self._hits_row("cached")]
        if self.peer:
            extra += self._against_peer(series, "GET cached", "FastAPI", 10)
        self._add(rows, extra)

    # Reads that miss the cache

    def uncached_reads(self):
        say("GET of keys that are not cached")
        cluster = self.cluster

        def load(seconds):
            # Every key is read once until the part of a thread is used up.
            cluster.redis_cli("FLUSHALL")
            return wrk(
                cluster.url,
                seconds,
                cluster.apis[:1],
                cluster.backing,
                "get.lua",
                ["/kv/cold/", "", str(ROWS), THREADS],
            )

        series = take_turns(
            {
                "GET not cached: kv-api": self._noting_hits("not cached", load),
                "pgbench, select of a row": lambda seconds: self.pgbench.run("select.sql", seconds),
            },
            self.seconds,
            self.rounds,
        )
        rows = {name: one.row() for name, one in series.items()}
        self._judge_ratio(
            rows, series, "GET not cached: kv-api", "pgbench, select of a row", 1.2, load
        )
        self._add(rows, [self._hits_row("not cached")])

    # Writes

    def writes(self):
        say("PUT, acknowledged")
        cluster = self.cluster
        direct = self._put(cluster.url, cluster.apis[:1])
        contenders = {
            "PUT: kv-api": direct,
            "pgbench, upsert of a row": lambda seconds: self.pgbench.run("upsert.sql", seconds),
            "PUT: kv, Nginx": self._put(
                f"http://127.0.0.1:{cluster.nginx_port}/", [cluster.nginx, *cluster.apis]
            ),
        }
        if self.peer:
            for name, url, servers in self._peers():
                contenders[f"PUT: {name}"] = self._put(url, servers)
            contenders["PUT: FastAPI, queued (202)"] = self._queued_put_of_peer
        series = take_turns(contenders, self.seconds, self.rounds)
        rows = {name: one.row() for name, one in series.items()}
        self._judge_ratio(rows, series, "PUT: kv-api", "pgbench, upsert of a row", 2, direct)
        extra = []
        if self.peer:
            names = ("PUT: FastAPI", "PUT: FastAPI, queued (202)")
            strongest = max(names, key=lambda name: series[name].per_second)
            extra = self._against_peer(series, "PUT", strongest.removeprefix("PUT: "), 20)
        self._add(rows, extra)

    # Queued writes

    def queued_writes(self):
        say("PUT with Prefer: respond-async")
        cluster, drains = self.cluster, []
        put = self._put(cluster.url, cluster.apis[:1], ["respond-async"])

        def answered(**labels):
            return cluster.counted("kv_http_requests_total", method="PUT", **labels)

        def load(seconds):
            accepted, everything = answered(status="202"), answered()
            run = put(seconds)
            accepted, everything = answered(status="202") - accepted, answered() - everything
            depth = self.broker.depth("kv.writes")
            drains.append((seconds, accepted / max(1, everything), depth, self._drained()))
            return run

        def confirms(outstanding):
            return lambda seconds: self.broker.confirms(seconds, outstanding)

        many = f"librabbitmq, {OUTSTANDING_MANY} unconfirmed"
        contenders = {
            "PUT queued: kv-api (202)": load,
            many: confirms(OUTSTANDING_MANY),
            f"librabbitmq, {OUTSTANDING_CLIENTS} unconfirmed": confirms(OUTSTANDING_CLIENTS),
        }
        series = take_turns(contenders, self.seconds, self.rounds)
        self.broker.delete("bench.confirms")
        rows = {name: one.row() for name, one in series.items()}
        self._judge_ratio(rows, series, "PUT queued: kv-api (202)", many, 0.5, put)
        self._add(rows, self._drain_rows(drains[1:], put))

    def _drained(self):
        """Seconds until a write that is queued now can be read: all before it are applied."""
        cluster, start = self.cluster, time.monotonic()
        mark = str(time.time_ns())
        headers = {"Content-Type": "text/plain", "Prefer": "respond-async"}
        status, _ = cluster.request("PUT", "/kv/bench/last", mark, headers)
        if status != 202:
            raise RuntimeError(f"a write that prefers to be queued was answered {status}")
        while time.monotonic() - start < DRAIN_SECONDS_MAX:
            _, value = cluster.request(
                "GET", "/kv/bench/last", headers={"Cache-Control": "no-cache"}
            )
            if value == mark.encode():
                return time.monotonic() - start
            time.sleep(0.02)
        raise RuntimeError(f"the queue was not worked off within {DRAIN_SECONDS_MAX} s")

    def _drain_rows(self, drains, put):
        share = min(share for _, share, _, _ in drains)
        depth = max(depth for *_, depth, _ in drains)
        slowest = max(drain / seconds for seconds, *_, drain in drains)
        text = ", ".join(f"{drain:.1f}" for *_, drain in drains)
        accepted = Row("  of them answered 202", f"at least {share:.1%}")
        ready = Row("  ready in the queue at the end", f"at most {depth:,}")
        # A worker that can't keep up leaves more the longer the load lasts.
        drained = Row("  seconds to drain, each run", text)
        judged(drained, "≤ 0.2 × the load's", f"{slowest:.2f} ×", slowest <= 0.2)
        if slowest > 0.2:
            self.missed["The workers do not keep up"] = put
        return [accepted, ready, drained]

    def _queued_put_of_peer(self, seconds):
        run = self._put(self.peer.url, [self.peer], ["respond-async"], self.peer_workers)(seconds)
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        while self.broker.depth(PEER_QUEUE) and time.monotonic() < deadline:
            time.sleep(0.2)
        return run

    # What they share

    def _get(self, url, prefix, servers, behind=None, suffix=""):
        behind = self.cluster.backing if behind is None else behind
        arguments = [prefix, suffix, str(KEYS_CACHED), THREADS]
        return lambda seconds: wrk(url, seconds, servers, behind, "get.lua", arguments)

    def _put(self, url, servers, arguments=(), more_behind=()):
        behind = [*self.cluster.backing, *more_behind]
        return lambda seconds: wrk(url, seconds, servers, behind, "put.lua", arguments)

    def _peers(self):
        return [
            ("FastAPI", self.peer.url, [self.peer]),
            ("FastAPI, Nginx", self.peer_proxy.url, [self.peer_proxy, self.peer]),
        ]

    def _noting_hits(self, name, load):
        """The same load, with the share of look-ups that the cache answered noted."""

        def counted(answer):
            return self.cluster.counted("kv_cache_lookups_total", answer=answer)

        def noting(seconds):
            hits, others = counted("hit"), counted("miss") + counted("expired")
            run = load(seconds)
            hits, others = counted("hit") - hits, counted("miss") + counted("expired") - others
            self.hits[name].append(hits / max(1, hits + others))
            return run

        return noting

    def _hits_row(self, name):
        shares = self.hits[name][1:]
        if name == "cached":
            row = Row("  of them from the cache", f"at least {min(shares):.1%}")
            return judged(row, "≥ 99 %", f"{min(shares):.1%}", min(shares) >= 0.99)
        row = Row("  of them from the cache", f"at most {max(shares):.1%}")
        return judged(row, "< 1 %", f"{max(shares):.1%}", max(shares) < 0.01)

    def _judge_ratio(self, rows, series, ours, theirs, factor, load):
        ratio = series[ours].per_second / series[theirs].per_second
        other = theirs.removeprefix("GET cached: ").partition(",")[0]
        judged(rows[ours], f"≥ {factor:g} × {other}", f"{ratio:.2f} ×", ratio >= factor)
        self.loads[ours] = load
        if ratio < factor:
            self.missed[ours] = load

    def _against_peer(self, series, what, peer, factor):
        """Like with like: both directly, and both through Nginx."""
        rows = []
        pairs = [("kv-api", peer, "directly")]
        proxied = f"{what}: FastAPI, Nginx"
        pairs.append(("kv, Nginx", proxied.removeprefix(f"{what}: "), "through Nginx"))
        for ours, theirs, how in pairs:
            ratio = series[f"{what}: {ours}"].per_second / series[f"{what}: {theirs}"].per_second
            row = Row(f"  against FastAPI, {how}", f"{ratio:.1f} ×")
            rows.append(judged(row, f"≥ {factor} × {theirs}", row.measured, ratio >= factor))
        return rows

    def _add(self, rows, extra=()):
        first, *others = rows.values()
        self.add([first, *extra, *others])

    def add(self, rows):
        """Adds rows below a line."""
        self.rows += [*([None] if self.rows else []), *rows]
