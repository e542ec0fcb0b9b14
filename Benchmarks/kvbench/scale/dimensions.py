"""What grows, and what is measured at each step."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from .. import spread
from ..memory import Peak
from ..watchers import Watchers
from . import sizes

MEBIBYTE = 1 << 20
# Of all values of a step together, which so fit into the cache.
VALUES_BYTES_MAX, VALUES_MAX = 32 * MEBIBYTE, 1_000
KEYS_CONNECTIONS, KEYS_WATCHERS = 1_000, 5_000
# Until they are connected, clients send less.
CONNECTIONS_A_SECOND = 4_000


@dataclass(frozen=True)
class Dimension:
    """Something that grows. `sizes` has the steps; `works` measures one, and returns the figures of
    each work by its name."""

    name: str
    unit: str
    what: str
    sizes: Callable
    works: Callable
    told: Callable = sizes.told
    # Each request carries so many bytes.
    is_bytes: bool = False

    def step(self, target, size):
        """The figures of a step, for JSON."""
        start = time.monotonic()
        with Peak(target.process) as peak:
            works = self.works(target, size)
        return {
            "works": works,
            "rss_mib": round(peak.bytes / MEBIBYTE, 1),
            "seconds": round(time.monotonic() - start, 1),
        }


def figures(series):
    latencies = series.latencies.figures()
    return {
        "per_second": round(series.per_second, 1),
        "spread": spread.told(series.rates),
        "p50_ms": latencies["p50"],
        "p99_ms": latencies["p99"],
        "cpu_us": round(series.cpu_microseconds, 1),
        "behind_us": round(series.behind_microseconds, 1),
        "failed": dict(series.failed),
    }


def by_keys(target, size):
    prefix = "scale/keys/"
    target.store(prefix, size)
    return _get_and_put(target, prefix, size)


def by_values(target, size):
    prefix, value = f"scale/values/{size}/", "v" * size
    keys = max(1, min(VALUES_MAX, VALUES_BYTES_MAX // max(1, size)))
    target.store(prefix, keys, value)
    return _get_and_put(target, prefix, keys, value=value.encode())


def by_connections(target, size):
    prefix = "scale/connections/"
    target.store(prefix, KEYS_CONNECTIONS)
    more = size // CONNECTIONS_A_SECOND
    return _get_and_put(target, prefix, KEYS_CONNECTIONS, users=size, more_seconds=more)


def _get_and_put(target, prefix, keys, **more):
    loads = {name: target.load(name.lower(), prefix, keys, **more) for name in ("GET", "PUT")}
    return _measured(target, loads)


def _measured(target, loads):
    return {name: figures(series) for name, series in target.measure(loads).items()}


def by_watchers(target, size):
    """PUTs of the same keys at each step; a watcher follows one of them. So its share of the writes
    is an event, for one watcher each."""
    prefix, counts = "scale/watchers/", []
    # Number 1 must not match 10: a dot ends each key.
    put = target.load("put", prefix, KEYS_WATCHERS, suffix=".")
    if not size:
        return _measured(target, {"PUT": put})

    def beside_watchers(seconds):
        start = time.monotonic()
        watchers.begin()
        run = put(seconds)
        counts.append(watchers.end() | {"seconds": time.monotonic() - start})
        return run

    program = target.program("watchers")
    with Watchers(program, target.port, f"{prefix}@.", size) as watchers:
        works = _measured(target, {"PUT": beside_watchers})
    # The first run only warms up.
    return works | {"events": _events(counts[1:])}


def _events(counts):
    """The figures of what watchers.c has counted in each round; latencies are lags."""
    rates = [one["events"] / one["seconds"] for one in counts]
    ended = max(one["ended"] for one in counts)
    # With few watchers, a round may have no event.
    some = [one for one in counts if one["events"]]
    return {
        "per_second": round(statistics.median(rates), 1),
        "spread": spread.told(rates),
        "p50_ms": statistics.median(one["p50_ms"] for one in some) if some else None,
        "p99_ms": statistics.median(one["p99_ms"] for one in some) if some else None,
        "failed": {"watchers ended": ended} if ended else {},
    }


# By their names in --only, in the order of the page.
DIMENSIONS = {
    one.name: one
    for one in (
        Dimension(
            "keys",
            "keys",
            "Keys in the store, all of which are read and replaced in any order. Values have 100"
            " bytes, and 64 connections send requests.",
            sizes.keys,
            by_keys,
        ),
        Dimension(
            "values",
            "a value",
            "Bytes of each value. 64 connections read and replace up to 1,000 keys, whose values"
            " have 32 MiB together at most.",
            sizes.values,
            by_values,
            sizes.told_bytes,
            is_bytes=True,
        ),
        Dimension(
            "connections",
            "connections",
            "Connections, each of which waits for an answer before it sends the next request, of"
            " 1,000 keys with values of 100 bytes.",
            sizes.connections,
            by_connections,
        ),
        Dimension(
            "watchers",
            "watchers",
            "Clients of GET /watch, each of which follows one of the 5,000 keys that 64 connections"
            " replace. The latency of an event is the time from its commit until its watcher has"
            " it.",
            sizes.watchers,
            by_watchers,
        ),
    )
}
