"""Five times as many requests as can be answered, in an open loop; a light load before and after
it."""

import contextlib
import os
import shutil
import statistics
from dataclasses import dataclass

from ..contenders import KeyValueAPI
from ..load import VALUE, told
from ..memory import Peak
from ..process import Together
from ..report import Row, judged
from ..scale.places import CONNECTIONS_MORE, Target
from ..turns import say
from . import open_loop

MEBIBYTE = 1 << 20
FACTOR, LIGHT_SHARE = 5, 0.1
KEPT_SHARE = 0.8
P99_MILLISECONDS = 1_000
BACK_SECONDS = 5
# As before: at most twice the p99, or so much more.
AS_BEFORE_TIMES, AS_BEFORE_MORE = 2, 5
# What KV_BODY_BUFFER_BYTES and KV_ANSWER_BUFFER_BYTES allow by default.
RSS_MEBIBYTES = 512
# Below the limit of a kv-api, and what two workers of Nginx can pass on.
CONNECTIONS = 10_000
# Another measurement goes beyond that limit.
CONNECTIONS_FEW = 1_000
KEYS_READ, KEYS_WRITTEN = 1_000, 100_000
PAGE = 100


@dataclass(frozen=True)
class Work:
    """What is sent: `mode` is one of load.lua's; `raw` the request of both generators."""

    name: str
    mode: str
    keys: int
    raw: str


def _head(line):
    return f"{line} HTTP/1.1\r\nHost: localhost\r\n"


GET = Work("GET, cached", "get", KEYS_READ, _head("GET /kv/limits/read/@") + "\r\n")
PUT = Work(
    "PUT",
    "put",
    KEYS_WRITTEN,
    _head("PUT /kv/limits/written/@")
    + f"Content-Type: text/plain\r\nContent-Length: {len(VALUE)}\r\n\r\n{VALUE}",
)
LIST = Work(
    f"list of {PAGE} values",
    "raw",
    KEYS_READ,
    _head(f"GET /kv?prefix=limits/read/&values=true&limit={PAGE}") + "\r\n",
)
WORKS = (GET, PUT, LIST)


@dataclass(frozen=True)
class Door:
    """Where requests are sent, and the processes that serve there."""

    name: str
    port: int
    processes: list


def directly(target):
    return _all_works(target, Door("", target.port, [target.process]))


def through_nginx(target):
    cluster = target.cluster
    return _all_works(target, Door("Nginx: ", cluster.nginx_port, [cluster.nginx, *cluster.apis]))


def _all_works(target, door):
    target.store("limits/read/", KEYS_READ)
    rows = []
    for work in WORKS:
        rows += [*([None] if rows else []), *_overloaded(target, door, work, CONNECTIONS)]
    return rows


def beyond_the_connections(target):
    """More clients than a node may have: it has a limit of its own here."""
    options = target.options
    with contextlib.ExitStack() as stack:
        binary = os.path.join(options.binaries, "kv-api")
        server = KeyValueAPI(binary, options.results, connections_max=CONNECTIONS_FEW)
        stack.callback(shutil.rmtree, server.data, ignore_errors=True)
        stack.callback(server.stop)
        few = Target(options, server, server.port, connections=CONNECTIONS_FEW + CONNECTIONS_MORE)
        few.store("limits/read/", KEYS_READ)
        door = Door(f"KV_MAX_CONNECTIONS={CONNECTIONS_FEW:,}: ", server.port, [server])
        return _overloaded(few, door, PUT, 4 * CONNECTIONS_FEW, may_break=True)


def _overloaded(target, door, work, connections, may_break=False):
    """All rows of one work. `may_break`: connections may be closed without an answer."""
    quick = target.options.quick
    name = f"{door.name}{work.name}"
    best = _best(target, door, work)
    say(f"  {name}: best {best:,.0f}/s")
    program = target.program("open_loop")

    def load(rate, seconds):
        raw = work.raw.encode()
        return open_loop.run(program, door.port, raw, rate, seconds, connections, work.keys)

    together = Together(name, door.processes)
    before = load(LIGHT_SHARE * best, 3 if quick else 5)
    with Peak(together) as peak:
        over = load(FACTOR * best, 5 if quick else 10)
        light = load(LIGHT_SHARE * best, BACK_SECONDS + 1)
    return [
        _accepted(name, best, over),
        _generated(best, over),
        _refused(over, may_break),
        _latency(over),
        _memory(peak.bytes, together.rss_bytes()),
        _afterwards(before, light),
    ]


def _best(target, door, work):
    """The throughput of 64 clients, each of which waits for its answer."""
    more = {"port": door.port, "distribution": "sequence"}
    prefix = "limits/read/" if work is GET else "limits/written/"
    if work.mode == "raw":
        more |= {"value": work.raw.encode()}
    run = target.load(work.mode, prefix, work.keys, **more)
    run(1)
    rounds, seconds = (2, 2) if target.options.quick else (3, 3)
    return statistics.median(run(seconds).per_second for _ in range(rounds))


def _accepted(name, best, over):
    row = Row(
        f"{name}: {FACTOR} × {best:,.0f}/s", f"{over.accepted_per_second:,.0f}/s accepted"
    )
    share = over.accepted_per_second / best
    return judged(row, f"≥ {KEPT_SHARE:.0%} of the best", f"{share:.0%}", share >= KEPT_SHARE)


def _generated(best, over):
    """How much of the load there was: a generator on the same cores can't send all of it."""
    due = over.all["due"]
    return Row(
        f"  sent: {over.sent_per_second / best:.1f} ×",
        f"{over.all['connections']:,} connections, all busy: {over.all['busy'] / due:.0%}, sent"
        f" too late: {over.all['late'] / due:.0%}; load: {over.cores:.1f} cores",
    )


def _refused(over, may_break):
    wrong = over.unexpected
    row = Row("  refused", f"{over.all['refused']:,} with 503 or 429")
    if may_break:
        row.measured += f", {wrong.pop('broken', 0):,} closed without an answer"
    return judged(row, "503, 429 with Retry-After", told(wrong) or "nothing else", not wrong)


def _latency(over):
    figures = over.all
    if not figures["accepted"]:
        return judged(Row("  latency", "none was accepted"), "p99 < 1 s", "", False)
    row = Row(
        "  latency of the accepted",
        f"p50 {figures['due_p50_ms']:,.0f} ms, p99 {figures['due_p99_ms']:,.0f} ms; since sent:"
        f" p99 {figures['p99_ms']:,.0f} ms",
    )
    worst = figures["due_p99_ms"]
    return judged(row, "p99 < 1 s", f"{worst:,.0f} ms", worst < P99_MILLISECONDS)


def _memory(peak, after):
    row = Row("  RSS", f"at most {peak / MEBIBYTE:.0f} MiB, {after / MEBIBYTE:.0f} MiB afterwards")
    passes = peak <= RSS_MEBIBYTES * MEBIBYTE
    return judged(row, f"≤ {RSS_MEBIBYTES} MiB", f"{peak / MEBIBYTE:.0f} MiB", passes)


def _afterwards(before, light):
    """The second after the overload from which on the light load is served as before."""
    usual = before.all["due_p99_ms"]
    bound = max(AS_BEFORE_TIMES * usual, usual + AS_BEFORE_MORE)
    seconds = [one.get("due_p99_ms") for one in light.each]
    late = [place for place, p99 in enumerate(seconds) if p99 is None or p99 > bound]
    back = late[-1] + 1 if late else 0
    told_seconds = ", ".join("–" if p99 is None else f"{p99:,.1f}" for p99 in seconds)
    row = Row(
        "  light load afterwards",
        f"p99 before {usual:.1f} ms; each second: {told_seconds}",
    )
    passes = back <= BACK_SECONDS and not light.unexpected
    reached = f"{back} s" if back < len(seconds) else f"not in {back} s"
    if light.unexpected:
        reached += f"; {told(light.unexpected)}"
    return judged(row, f"as before within {BACK_SECONDS} s", reached, passes)


MEASURES = {
    "overload": directly,
    "overload-nginx": through_nginx,
    "connections": beyond_the_connections,
}
# A node of its own has no Nginx; a limit on connections is the same everywhere.
ONLY_CLUSTER, ONLY_SINGLE = {"overload-nginx"}, {"connections"}
