"""What the cluster under test can't show, each with the reason and with what is checked instead.

Everything else has to have values.
"""

# CockroachDB's own metrics: the cluster has PostgreSQL where there is no `cockroach`. These are the
# names that CockroachDB 22.1 and later export at /_status/vars ("Essential Metrics" and "Metrics"
# in its documentation); one that is spelt otherwise in a dashboard or rule is an error. With a
# `cockroach` they have to have values like all others.
COCKROACHDB = {
    "capacity",
    "capacity_available",
    "liveness_livenodes",
    "ranges_unavailable",
    "ranges_underreplicated",
    "sql_conns",
    "sql_service_latency_bucket",
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
