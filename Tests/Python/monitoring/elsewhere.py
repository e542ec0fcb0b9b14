"""What the cluster under test can't show, each with the reason and with what is checked instead.

Everything else has to have values.
"""

# CockroachDB's own metrics, which a cluster on PostgreSQL has not. On CockroachDB they have to have
# values like all others.
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

# kv-autoscaler's metrics: as long as this repository has no kv-autoscaler. Once it has, the cluster
# under test has one, too, and its metrics have to have values like all others.
AUTOSCALER_PREFIX = "kv_autoscaler_"
AUTOSCALER_JOB = 'job="kv-autoscaler"'


def missing_series(cluster):
    """Tells of a selector whether the cluster can't have what it selects."""
    has_cockroach = bool(cluster.of_kind("cockroach"))
    has_autoscaler = bool(cluster.of_kind("kv-autoscaler"))

    def is_missing(selector):
        if selector.partition("{")[0] in COCKROACHDB:
            return not has_cockroach
        if selector.startswith(AUTOSCALER_PREFIX) or AUTOSCALER_JOB in selector:
            return not has_autoscaler
        return False

    return is_missing
