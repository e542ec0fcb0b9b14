"""Expensive requests at full rate by 8 clients, beside the normal load."""

import contextlib
import json
from dataclasses import dataclass

from ..load import VALUE, told
from ..report import Row
from . import normal

CLIENTS = 8
OPERATIONS = 1_000
LARGE_BYTES, LARGE_COUNT = 512 << 10, 16
COUNTED = 100_000


@dataclass(frozen=True)
class Expensive:
    name: str
    request: bytes


def _get(target):
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _batch():
    put = {"op": "put", "value": VALUE, "content_type": "text/plain"}
    operations = [
        put | {"key": f"limits/batch/{number}"} if number % 2 else
        {"op": "get", "key": f"{normal.PREFIX}{number}"}
        for number in range(1, OPERATIONS + 1)
    ]
    body = json.dumps({"operations": operations})
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"POST /batch HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}".encode()


def batches(target):
    return _beside(target, Expensive(f"batches of {OPERATIONS:,}", _batch()))


def lists(target):
    target.store("limits/large/", LARGE_COUNT, "v" * LARGE_BYTES)
    mebibytes = LARGE_BYTES * LARGE_COUNT >> 20
    request = _get("/kv?prefix=limits/large/&values=true&limit=1000")
    return _beside(target, Expensive(f"lists of {mebibytes} MiB", request))


def counts(target):
    target.store("limits/counted/", COUNTED)
    request = _get("/kv?prefix=limits/counted/&count=true")
    return _beside(target, Expensive(f"counts of {COUNTED:,} keys", request))


def _beside(target, expensive):
    normal.prepare(target)
    seconds = 3 if target.options.quick else 10
    load = target.load("raw", "", 1, users=CLIENTS, value=expensive.request)
    load(1)
    runs = []

    @contextlib.contextmanager
    def at_full_rate():
        # A little longer, so that the normal load is never alone.
        other = normal.Background(load, seconds + 1)
        yield
        runs.append(other.result())

    found = normal.measure(target, at_full_rate(), seconds)
    run, = runs
    failed = f"; {told(run.failed)}" if run.failed else ""
    p99 = run.latencies.percentile(99)
    row = Row(
        f"  {CLIENTS} clients: {expensive.name}",
        f"{run.per_second:,.1f}/s, p99 {'–' if p99 is None else f'{p99:,.0f} ms'}{failed}",
    )
    first, *others = found.rows(f"beside {expensive.name}")
    return [first, row, *others]


MEASURES = {"batches": batches, "lists": lists, "counts": counts}
