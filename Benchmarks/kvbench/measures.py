"""What the cluster's measurements share: rows, loads, and the goals by database."""

from dataclasses import dataclass

from .load import KEYS_WRITTEN, requests, told, wrk
from .report import Row, judged

# Reads of cached keys repeat only after this many.
KEYS_CACHED = 10_000


@dataclass(frozen=True)
class Goals:
    """The required multiples of the peers' rates; None: no goal."""

    uncached: float
    writes: float
    # Of FastAPI's.
    peer_writes: float | None
    # The time that the workers may need for the queued writes, as a share of the load's duration.
    drain_share: float | None
    # The same on both databases.
    cached: float = 1.4
    # Of the same Nginx in front of a constant answer.
    cached_nginx: float = 0.6
    # Of kv-api without Nginx.
    writes_nginx: float = 0.7
    peer_reads: float = 10
    queued: float = 2
    contended: float = 5
    conditional: float = 0.5
    # The maximum latency of one client, as a multiple of pgbench's.
    latency: float = 1.5
    drain_seconds: float = 10


GOALS = {
    "postgres": Goals(uncached=1.5, writes=2.5, peer_writes=20, drain_share=0.2),
    # FastAPI's single upserts are about as fast as pgbench's, which have a goal already. RabbitMQ
    # accepts many times the writes that CockroachDB commits, so only the time for 10,000 has a
    # goal.
    "cockroach": Goals(uncached=1.5, writes=3, peer_writes=None, drain_share=None),
}


class Measures:
    """The measurements of one cluster; they add to `rows` and `missed`."""

    def __init__(self, cluster, services, seconds, rounds, binaries):
        self.cluster = cluster
        self.goals = GOALS[cluster.database_kind]
        self.webdis = services.get("webdis")
        self.peer = services.get("peer")
        self.peer_proxy = services.get("peer_proxy")
        # Constant answers, and Nginx in front of them as it is in front of kv-api.
        self.constant = services.get("constant")
        self.constant_proxy = services.get("constant_proxy")
        self.peer_workers = services.get("peer_workers", ())
        self.pgbench = services.get("pgbench")
        self.broker = services.get("broker")
        self.seconds = seconds
        self.rounds = rounds
        self.binaries = binaries
        self.rows = []
        # The loads to profile: all, and those of missed goals.
        self.loads = {}
        self.missed = {}

    # Loads

    def get(self, url, path, servers, behind=None, suffix="", keys=KEYS_CACHED):
        """GETs of keys, one after the other."""
        load = requests(url, path, suffix=suffix)
        behind = self.cluster.backing if behind is None else behind
        return lambda seconds: wrk(
            load, "get", seconds, servers, behind, keys=keys, allows_errors=True
        )

    def put(self, url=None, servers=None, more_behind=(), keys=KEYS_WRITTEN, **more):
        """PUTs, by default of distinct keys and to the kv-api that is measured directly."""
        return self.write("put", "/kv/bench/", url, servers, more_behind, keys, **more)

    def write(self, mode, path, url=None, servers=None, more_behind=(), keys=1, **more):
        """Writes in one of load.lua's modes."""
        load = requests(url or self.cluster.url, path, **more)
        return lambda seconds: wrk(
            load,
            mode,
            seconds,
            servers or self.cluster.apis[:1],
            [*self.cluster.backing, *more_behind],
            keys,
            wanted=(202,) if load.prefer else (200, 201),
            allows_errors=True,
        )

    def nginx(self):
        """The URL of Nginx, and the processes that serve there."""
        cluster = self.cluster
        return f"http://127.0.0.1:{cluster.nginx_port}/", [cluster.nginx, *cluster.apis]

    def peers(self):
        return [
            ("FastAPI", self.peer.url, [self.peer]),
            ("FastAPI, Nginx", self.peer_proxy.url, [self.peer_proxy, self.peer]),
        ]

    # Rows

    def judge_ratio(self, rows, series, ours, theirs, factor, load, other=None):
        """`other` is the name of the contender `theirs` in the target."""
        other = other or theirs.rpartition(": ")[2].partition(",")[0]
        ratio = times(series[ours], series[theirs])
        judged(rows[ours], f"≥ {factor:g} × {other}", f"{ratio:.2f} ×", ratio >= factor)
        self.loads[ours] = load
        if ratio < factor:
            self.missed[ours] = load

    @staticmethod
    def peer_pairs(what):
        """The names of what `against_peer` compares."""
        return [
            (f"{what}: kv-api", f"{what}: FastAPI"),
            (f"{what}: kv, Nginx", f"{what}: FastAPI, Nginx"),
        ]

    def against_peer(self, series, what, peer, factor):
        """Compares both directly, and both through Nginx."""
        rows = []
        pairs = [("kv-api", peer, "directly"), ("kv, Nginx", "FastAPI, Nginx", "through Nginx")]
        for ours, theirs, how in pairs:
            ratio = times(series[f"{what}: {ours}"], series[f"{what}: {theirs}"])
            row = Row(f"  against FastAPI, {how}", f"{ratio:.1f} ×")
            if factor is not None:
                judged(row, f"≥ {factor} × {theirs}", row.measured, ratio >= factor)
            rows.append(row)
        return rows

    def add_series(self, rows, series, extra=()):
        """Adds the rows of all contenders, with `extra` below the first one, and their failures."""
        first, *others = rows.values()
        self.add([first, *extra, *others, *failures(series)])

    def add(self, rows):
        """Adds rows below a line."""
        self.rows += [*([None] if self.rows else []), *rows]


def times(ours, theirs):
    """The rate of one series as a multiple of that of another one."""
    if not theirs.per_second:
        raise RuntimeError(f"{theirs.name}: not one success")
    return ours.per_second / theirs.per_second


def failures(series):
    """A row for each contender with failed requests; this project's must have none."""
    rows = []
    for name, one in series.items():
        if one.failed:
            row = Row(f"  failed of {name}", told(one.failed))
            if "kv" in name:
                judged(row, "none", f"{sum(one.failed.values()):,}", False)
            rows.append(row)
    return rows
