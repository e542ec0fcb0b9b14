"""One key for all clients: at full rate, and when its cached copy has gone."""

import contextlib
import http.client
import time
from dataclasses import dataclass

from ..load import told
from ..report import Row, judged
from ..turns import say
from . import normal
from .abuse import connect, get

CLIENTS = 32
CROWDS = (64, 1_000)
ROUNDS, ROUNDS_QUICK = 5, 2
TTL_SECONDS = 1
KEY = "limits/hot/1"
READS = "kv_store_read_batch_keys_sum"
# More than the cache of a node holds by default.
OTHERS_MEBIBYTES = 80


def hot_key(target):
    """Reads and writes of one key at the same time."""
    normal.prepare(target)
    target.store("limits/hot/", 1)
    loads = {mode: target.load(mode, "limits/hot/", 1, users=CLIENTS) for mode in ("get", "put")}
    seconds = 3 if target.options.quick else 8
    runs = {}

    @contextlib.contextmanager
    def at_full_rate():
        others = {mode: normal.Background(load, seconds + 1) for mode, load in loads.items()}
        yield
        runs.update({mode: other.result() for mode, other in others.items()})

    found = normal.measure(target, at_full_rate(), seconds)
    found.trouble = [
        f"{mode.upper()}: {told(run.failed)}" for mode, run in runs.items() if run.failed
    ]
    said = ", ".join(
        f"{mode.upper()} {run.per_second:,.0f}/s, p99 {run.latencies.percentile(99):,.1f} ms"
        for mode, run in runs.items()
    )
    return found.rows(f"{CLIENTS} + {CLIENTS} clients that read and write one key", said)


@dataclass(frozen=True)
class Stampede:
    """What a crowd that comes at once has met."""

    database_reads: int
    statuses: dict
    seconds: float


def stampede(target):
    """Everyone asks for a key at once, whose cached copy has just gone."""
    ways = {
        "that has expired": _expire,
        "that the cache has lost": _evict if target.cluster else _crowd_out,
    }
    rows = []
    for way, forget in ways.items():
        for count in CROWDS:
            say(f"  {count:,} clients, a key {way}")
            rounds = ROUNDS_QUICK if target.options.quick else ROUNDS
            found = [_rush(target, forget, count) for _ in range(rounds)]
            rows.append(_row(f"{count:,} clients at once, a key {way}", found))
    return rows


def _row(name, found):
    reads = [one.database_reads for one in found]
    statuses = {}
    for one in found:
        for code, count in one.statuses.items():
            statuses[f"status {code}"] = statuses.get(f"status {code}", 0) + count
    slowest = max(one.seconds for one in found)
    row = Row(name, f"all answered in at most {1000 * slowest:,.0f} ms; {told(statuses)}")
    told_reads = f"{min(reads)}–{max(reads)} reads"
    return judged(row, "the database sees 1 read", told_reads, max(reads) <= 1)


def _rush(target, forget, count):
    ports = target.cluster.api_ports if target.cluster else [target.port]
    sockets = [connect(ports[number % len(ports)], number) for number in range(count)]
    try:
        for one in sockets:
            # Each is accepted, and has been served.
            one.sendall(get("/health/live"))
            _read(one)
        forget(target)
        before = _reads(target)
        start = time.monotonic()
        for one in sockets:
            one.sendall(get(f"/kv/{KEY}"))
        statuses = {}
        for one in sockets:
            code = _read(one)
            statuses[code] = statuses.get(code, 0) + 1
        seconds = time.monotonic() - start
        return Stampede(_reads(target) - before, statuses, seconds)
    finally:
        for one in sockets:
            one.close()


def _read(one):
    """The status of an answer, which is read to its end."""
    answer = http.client.HTTPResponse(one)
    answer.begin()
    answer.read()
    return str(answer.status)


def _ask(target, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status not in (200, 201):
        raise RuntimeError(f"{method} {path} was answered {answer.status}: {text}")
    return text


def _reads(target):
    """Keys that were looked up in the database."""
    if target.cluster:
        return int(target.cluster.counted(READS))
    text = _ask(target, "GET", "/metrics")
    line = next(line for line in text.splitlines() if line.startswith(f"{READS} "))
    return int(float(line.rpartition(" ")[2]))


def _expire(target):
    """The key is cached until its time to live ends."""
    _ask(target, "PUT", f"/kv/{KEY}?ttl={TTL_SECONDS}", "value")
    _ask(target, "GET", f"/kv/{KEY}")
    time.sleep(TTL_SECONDS + 0.1)


def _evict(target):
    """The key is in the database, and no longer in Redis."""
    _ask(target, "PUT", f"/kv/{KEY}", "value")
    _ask(target, "GET", f"/kv/{KEY}")
    cluster = target.cluster
    names = cluster.redis_cli("--scan", "--pattern", f"*{KEY}*").split()
    if not names or cluster.redis_cli("UNLINK", *names).strip() != str(len(names)):
        raise RuntimeError(f"Redis has no copy of {KEY}: {names}")


def _crowd_out(target):
    """The key is in the database, and younger ones have taken its place in the cache."""
    _ask(target, "PUT", f"/kv/{KEY}", "value")
    value = b"v" * (1 << 20)
    for number in range(OTHERS_MEBIBYTES):
        _ask(target, "PUT", f"/kv/limits/others/{number}", value)


MEASURES = {"hot-key": hot_key, "stampede": stampede}
