"""Documents of results as a run makes them, with figures of our own."""

MIB = 1 << 20


def sample(at, seconds=5.0, **more):
    """One sample of a cluster that does well."""
    processes = {
        name: figures(age=at + 10)
        for name in ("kv-api-1", "kv-api-2", "kv-worker-1", "redis-1", "postgres")
    }
    found = {
        "at": at,
        "seconds": seconds,
        "load": {
            "requests": 500,
            "failed": 0,
            "answers": {"get 200": 400, "put 200": 100},
            "latency_ms": {"read": {"p50": 1.0, "p99": 4.0}, "write": {"p50": 2.0, "p99": 9.0}},
        },
        "watch": {"events": 100, "streams": 4},
        "machine": {"load average": 0.5},
        "processes": processes,
        "replicas": {"kv-api": 2, "kv-worker": 2},
        "metrics": {"outbox age": 0.0, "queue depth": 0.0, "watchers": 4.0},
        "disk": {
            "tables": 5 * MIB,
            "operations": at * 1000.0,
            "operations count": at * 5,
            "stream of changes": at * 20_000,
            "writes": at * 100,
        },
    }
    return found | more


def figures(age, memory=60 * MIB, descriptors=40, threads=6, pid=100):
    return {"pid": pid, "age": age, "memory": memory, "descriptors": descriptors,
            "threads": threads, "cpu": age / 10}


def document(seconds=3600, change=lambda sample: None):
    """Results of a run; `change` changes each of its samples."""
    samples = [sample(at) for at in range(5, seconds + 1, 5)]
    for one in samples:
        change(one)
    return {
        "made": "2030-01-01 00:00:00 UTC", "database": "postgres", "seed": 1, "machine": "2 cores",
        "asked_seconds": seconds, "seconds": seconds, "rate": 300, "requests": 1000,
        "is_good": True, "samples": samples, "unexplained": [], "unexplained_total": 0,
        "explained": [], "verdicts": [],
        "events": [{"name": "redis", "title": "the master <crashes>", "begin": 100.0,
                    "end": 130.0, "detail": "redis-1"}],
    }
