"""The cluster's writes that are committed before their answer."""

import time

from .peer import QUEUE as PEER_QUEUE
from .report import Row, judged
from .turns import say, take_turns

CLIENTS_CONTENDING = 16
PEER_DRAIN_SECONDS_MAX = 120


def distinct(measures):
    say("PUT, acknowledged")
    peer = measures.peer
    ours, theirs, through = "PUT: kv-api", "pgbench, upsert of a row", "PUT: kv, Nginx"
    direct, proxied = measures.put(), measures.put(*measures.nginx())
    contenders = {ours: direct, theirs: measures.pgbench.upserts, through: proxied}
    pairs = [(ours, theirs), (through, ours)]
    if peer:
        for name, url, servers in measures.peers():
            contenders[f"PUT: {name}"] = measures.put(url, servers)
        queued = "PUT: FastAPI, queued (202)"
        contenders[queued] = lambda seconds: _queued_by_peer(measures, seconds)
        pairs += [*measures.peer_pairs("PUT"), (ours, queued)]
    series = take_turns(contenders, measures.seconds, measures.rounds, pairs)
    rows = {name: one.row() for name, one in series.items()}
    goals = measures.goals
    measures.judge_ratio(rows, series, ours, theirs, goals.writes, direct)
    measures.judge_ratio(rows, series, through, ours, goals.writes_nginx, proxied, "direct")
    extra = []
    if peer:
        strongest = max(("PUT: FastAPI", queued), key=lambda name: series[name].per_second)
        extra = measures.against_peer(
            series, "PUT", strongest.removeprefix("PUT: "), goals.peer_writes
        )
    measures.add_series(rows, series, extra)


def _queued_by_peer(measures, seconds):
    peer = measures.peer
    put = measures.put(peer.url, [peer], measures.peer_workers, prefer="respond-async")
    run = put(seconds)
    deadline = time.monotonic() + PEER_DRAIN_SECONDS_MAX
    while measures.broker.depth(PEER_QUEUE) and time.monotonic() < deadline:
        time.sleep(0.2)
    return run


def single(measures):
    """One client: the latency of a write without others."""
    say("PUT, one client")
    goal = measures.goals.latency
    ours, theirs = "PUT, one client: kv-api", "pgbench, one client's upserts"
    put = measures.put(users=1)
    contenders = {ours: put, theirs: lambda seconds: measures.pgbench.upserts(seconds, clients=1)}
    series = take_turns(contenders, measures.seconds, measures.rounds)
    rows = {name: one.row() for name, one in series.items()}
    # For one client that waits for each answer, the rate gives the mean latency.
    latencies = [1000 / max(1e-9, series[name].per_second) for name in (ours, theirs)]
    ratio = latencies[0] / latencies[1]
    row = Row("  mean latency", f"{latencies[0]:.2f} ms; pgbench {latencies[1]:.2f} ms")
    judged(row, f"≤ {goal:g} × pgbench", f"{ratio:.2f} ×", ratio <= goal)
    measures.loads[ours] = put
    if ratio > goal:
        measures.missed[ours] = put
    measures.add_series(rows, series, [row])


def contended(measures):
    say(f"PUT of one key, {CLIENTS_CONTENDING} clients")
    ours = f"PUT of one key, {CLIENTS_CONTENDING} clients: kv-api"
    theirs = f"pgbench, {CLIENTS_CONTENDING} clients, upserts of one row"
    put = measures.put(keys=1, users=CLIENTS_CONTENDING)
    contenders = {
        ours: put,
        theirs: lambda seconds: measures.pgbench.upserts(seconds, CLIENTS_CONTENDING, rows=1),
    }
    series = take_turns(contenders, measures.seconds, measures.rounds)
    rows = {name: one.row() for name, one in series.items()}
    measures.judge_ratio(rows, series, ours, theirs, measures.goals.contended, put)
    measures.add_series(rows, series)


def conditional(measures):
    say("PUT with a condition")
    plain, goal = "PUT without a condition: kv-api", measures.goals.conditional

    def load(mode):
        """Each run has keys of its own."""
        return lambda seconds: measures.write(mode, f"/kv/bench/{time.time_ns()}/")(seconds)

    conditions = {
        "PUT If-None-Match: *, new keys: kv-api": load("create"),
        "PUT If-Match, a key a client: kv-api": load("replace"),
    }
    put = measures.put()
    series = take_turns({**conditions, plain: put}, measures.seconds, measures.rounds)
    rows = {name: one.row() for name, one in series.items()}
    for name, one in conditions.items():
        measures.judge_ratio(rows, series, name, plain, goal, one, "without")
    measures.add_series(rows, series)
