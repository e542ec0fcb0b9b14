"""Metrics that the cluster under test may lack. All others must have values."""

# CockroachDB's own metrics, which a cluster on PostgreSQL lacks.
COCKROACHDB = {
    "capacity",
    "capacity_available",
    "clock_offset_meannanos",
    "liveness_livenodes",
    "raft_process_logcommit_latency_bucket",
    "ranges_unavailable",
    "ranges_underreplicated",
    "requests_slow_latch",
    "requests_slow_lease",
    "requests_slow_raft",
    "sql_conns",
    "sql_service_latency_bucket",
    "storage_disk_slow",
    "storage_disk_stalled",
    "txn_restarts_count",
}

# kv-autoscaler's metrics, which a cluster without it lacks.
AUTOSCALER_PREFIX = "kv_autoscaler_"
AUTOSCALER_JOB = 'job="kv-autoscaler"'


def missing_series(cluster):
    """A function that says whether the cluster lacks the series of a selector."""
    has_cockroach = bool(cluster.of_kind("cockroach"))
    has_autoscaler = bool(cluster.of_kind("kv-autoscaler"))

    def is_missing(selector):
        if selector.partition("{")[0] in COCKROACHDB:
            return not has_cockroach
        if selector.startswith(AUTOSCALER_PREFIX) or AUTOSCALER_JOB in selector:
            return not has_autoscaler
        return False

    return is_missing
