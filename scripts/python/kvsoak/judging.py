"""The verdicts: what has to be flat, and by how much it may grow."""

from dataclasses import asdict, dataclass

from .families import kind_of
from .flatness import Reading, Tolerance, has_restarts, of_a_run, of_lives, sixths

# A shorter run is told, and not judged: it is all warm-up.
SECONDS_MIN = 600
MIB = 1 << 20

KINDS = [
    "kv-api", "kv-worker", "kv-autoscaler", "nginx", "postgres", "cockroach", "redis", "sentinel",
    "rabbitmq",
]
# Of one process of a kind, or of the family of one service.
PROCESSES = {
    "memory": ("bytes", Tolerance(0.15, 16 * MIB)),
    "descriptors": ("", Tolerance(0.15, 16)),
    "threads": ("", Tolerance(0.15, 4)),
}
# What fills in minutes, and is bounded: kv-api has the latest changes in memory for watchers, 16
# MiB and what managing them takes; RabbitMQ the log of its queues until it rolls it over, 64 MiB.
OF_KIND = {
    ("kv-api", "memory"): Tolerance(0.15, 24 * MIB),
    ("rabbitmq", "memory"): Tolerance(0.15, 64 * MIB),
}
METRICS = {
    "outbox age": ("s", Tolerance(0.1, 1)),
    "queue depth": ("", Tolerance(0.1, 20)),
    "dead letters": ("", Tolerance(0, 0)),
    "held writes": ("", Tolerance(0.1, 20)),
    "unconfirmed writes": ("", Tolerance(0.1, 20)),
    "watchers": ("", Tolerance(0, 0)),
}
# Bytes on disk; `tables` are those of PostgreSQL without the records that are kept for a day.
DISK = {
    "tables": Tolerance(0.15, 8 * MIB),
    # Its segments are used again after a checkpoint, and there is one every five minutes.
    "postgres log": Tolerance(0.15, 128 * MIB),
    "log of queues": Tolerance(0, 3 * 64 * MIB),
    "rabbitmq, the rest": Tolerance(0.15, 16 * MIB),
    "redis": Tolerance(0.15, 8 * MIB),
}
ROWS = {
    "entries count": Tolerance(0.05, 50),
    "outbox count": Tolerance(0.1, 50),
    "outbox batches count": Tolerance(0.1, 50),
}
# What is kept for a day by contract grows with the writes. What one of them takes must not.
EACH = {
    "operations": ("operations count", Tolerance(0.15, 16)),
    "stream of changes": ("writes", Tolerance(0.15, 32)),
    "cockroach": ("writes", Tolerance(0.15, 64)),
}


@dataclass(frozen=True)
class Verdict:
    """`is_good` is None for what is not judged."""

    what: str
    how: str
    before: float | None
    after: float | None
    unit: str
    is_good: bool | None

    def document(self):
        return asdict(self)


def verdicts(document):
    """All verdicts about flatness, for a document of results."""
    samples, seconds = document["samples"], document["seconds"]
    found = []
    for kind in KINDS:
        for quantity, (unit, tolerance) in PROCESSES.items():
            readings = list(_readings(samples, kind, quantity))
            allowed = OF_KIND.get((kind, quantity), tolerance)
            found += _of_processes(f"{kind}: {quantity}", readings, seconds, unit, allowed)
    for name, (unit, tolerance) in METRICS.items():
        points = series(samples, "metrics", name)
        found += _of_points(name, points, seconds, unit, tolerance)
    for name, tolerance in DISK.items():
        points = series(samples, "disk", name)
        found += _of_points(f"disk: {name}", points, seconds, "bytes", tolerance)
    for name, tolerance in ROWS.items():
        points = series(samples, "disk", name)
        found += _of_points(f"rows: {name.removesuffix(' count')}", points, seconds, "", tolerance)
    for name, (per, tolerance) in EACH.items():
        points = quotients(samples, name, per)
        what = f"disk: {name}, of each"
        found += _of_points(what, points, seconds, "bytes", tolerance)
    return found


def series(samples, group, name):
    """(time, value) of a figure, wherever it is known."""
    return [
        (sample["at"], sample[group][name])
        for sample in samples
        if name in sample.get(group, {})
    ]


def quotients(samples, name, per):
    """(time, value) of a figure on disk divided by another one."""
    below = dict(series(samples, "disk", per))
    points = series(samples, "disk", name)
    return [(at, value / below[at]) for at, value in points if below.get(at)]


def _readings(samples, kind, quantity):
    for sample in samples:
        for name, figures in sample.get("processes", {}).items():
            if kind_of(name) == kind:
                life = (name, figures["pid"])
                yield Reading(sample["at"], life, figures["age"], figures[quantity])


def _of_processes(what, readings, seconds, unit, tolerance):
    if not readings:
        return []
    restarts = has_restarts(readings)
    how = "processes of the same age" if restarts else "the same processes"
    found = [_verdict(what, how, of_a_run(readings, seconds), seconds, unit, tolerance)]
    if restarts:
        pair = of_lives(readings)
        found.append(_verdict(what, "within a life", pair, seconds, unit, tolerance))
    return found


def _of_points(what, points, seconds, unit, tolerance):
    if not points:
        return []
    return [_verdict(what, "in the run", sixths(points, 0, seconds), seconds, unit, tolerance)]


def _verdict(what, how, pair, seconds, unit, tolerance):
    if pair is None:
        return Verdict(what, how, None, None, unit, None)
    is_good = tolerance.allows(*pair) if seconds >= SECONDS_MIN else None
    return Verdict(what, how, pair[0], pair[1], unit, is_good)


def number(value, unit):
    """A figure of a verdict, with its unit."""
    if value is None:
        return "–"
    if unit == "bytes" and value >= 0.1 * MIB:
        return f"{value / MIB:,.1f} MiB"
    if unit == "bytes":
        return f"{value:,.0f} B"
    return f"{value:,.3g} {unit}".strip() if value < 100 else f"{value:,.0f} {unit}".strip()
