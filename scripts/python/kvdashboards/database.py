"""The database, as kv-api and kv-worker see it, and CockroachDB's own view."""

from .dashboard import Dashboard, Section, replicas
from .panels import Lines, Query, at_least, nothing_above, rising

NODE = 'job=~"kv-api|kv-worker",instance=~"$instance"'


def rate(metric, by=None, labels=NODE):
    """The sum of rates."""
    total = f"sum by ({by})" if by else "sum"
    return f"{total} (rate({metric}{{{labels}}}[$__rate_interval]))"


def mean(histogram):
    """The mean of the observations; no value without any."""
    return f"{rate(histogram + '_sum')} / ({rate(histogram + '_count')} > 0)"


def quantiles(histogram):
    return [
        Query(f"histogram_quantile({q}, {rate(histogram + '_bucket', 'le')})", f"p{q * 100:g}")
        for q in (0.5, 0.95, 0.99)
    ]


def counted(metric, legend):
    return Query(rate(metric), legend)


WRITES = [
    Lines(
        "Writes",
        "Commits per second, the writes in them, and batches of clients.",
        "ops",
        [
            counted("kv_store_write_batch_writes_sum", "writes"),
            counted("kv_store_write_batch_writes_count", "commits"),
            counted("kv_store_transaction_duration_seconds_count", "batches"),
        ],
    ),
    Lines(
        "Duration of a commit",
        "From sending the writes to the database until its answer.",
        "s",
        quantiles("kv_store_write_batch_duration_seconds"),
        thresholds=rising(0.1, 0.5),
    ),
    Lines(
        "Gathered together",
        "Writes in one commit, keys in one look-up, operations in one batch, on average. They grow "
        "with the load.",
        "short",
        [
            Query(mean("kv_store_write_batch_writes"), "writes in a commit"),
            Query(mean("kv_store_read_batch_keys"), "keys in a look-up"),
            Query(mean("kv_store_transaction_operations"), "operations in a batch"),
        ],
    ),
    Lines(
        "Written",
        "Bytes of keys and values handed to commits a second.",
        "Bps",
        [Query(rate("kv_store_written_bytes_total", "job"), "{{job}}")],
    ),
]

READS = [
    Lines(
        "Reads",
        "Look-ups a second, and the reads that they answered: misses of the cache and reads that "
        "ask for it (Cache-Control: no-cache).",
        "ops",
        [
            counted("kv_store_database_reads_total", "reads"),
            counted("kv_store_read_batch_duration_seconds_count", "look-ups"),
        ],
    ),
    Lines(
        "Duration of a look-up",
        "From sending the statement to the database until its answer.",
        "s",
        quantiles("kv_store_read_batch_duration_seconds"),
        thresholds=rising(0.1, 0.5),
    ),
]

CONNECTIONS = [
    Lines(
        "Connections",
        "Open connections, by process. All are opened at the start; fewer mean a failure.",
        "short",
        [Query(f"kv_database_connections{{{NODE}}}", "{{instance}}")],
        thresholds=at_least(1),
        decimals=0,
    ),
    Lines(
        "Transactions",
        "Per second, including reads, by process.",
        "ops",
        [Query(rate("kv_database_transactions_total", "instance"), "{{instance}}")],
    ),
    Lines(
        "Trouble",
        "Per second. Conflicts are retried. An unknown outcome may or may not be committed. "
        "Cancelled: after 2 s. Refused for good: the statement does not fit the server.",
        "ops",
        [
            counted("kv_database_conflicts_total", "conflicts"),
            counted("kv_database_connection_failures_total", "failed connections"),
            counted("kv_database_unknown_outcomes_total", "unknown outcomes"),
            counted("kv_database_cancellations_total", "cancelled"),
            counted("kv_database_rejections_total", "refused for good"),
        ],
    ),
    Lines(
        "Errors",
        "Failed operations per second, by kind of operation and error.",
        "ops",
        [Query(rate("kv_store_errors_total", "work, error"), "{{work}}: {{error}}")],
        thresholds=nothing_above(1),
    ),
]

UPKEEP = [
    Lines(
        "Outbox",
        "Age of the oldest change that is not settled, as of the worker's last round.",
        "s",
        [Query(f"max(kv_outbox_age_seconds{{{NODE}}})", "oldest")],
        thresholds=rising(10, 60),
    ),
    Lines(
        "Purged",
        "Rows a second: expired entries, and records past their retention.",
        "ops",
        [Query(rate("kv_store_purged_total", "kind"), "{{kind}}")],
    ),
]

COCKROACH = [
    Lines(
        "Nodes alive",
        "According to the node that sees the fewest. Empty if the database is PostgreSQL, like all "
        "of this section.",
        "short",
        [Query("min(liveness_livenodes)", "nodes")],
        thresholds=at_least(2),
        decimals=0,
    ),
    Lines(
        "Ranges in trouble",
        "Unavailable: no majority of replicas. Under-replicated: another loss may make them so.",
        "short",
        [
            Query("sum(ranges_unavailable)", "unavailable"),
            Query("sum(ranges_underreplicated)", "under-replicated"),
        ],
        thresholds=nothing_above(1),
        decimals=0,
    ),
    Lines(
        "Clock offset",
        "The clock's difference from the others, by node. A node stops itself at 0.4 s.",
        "s",
        [Query("abs(clock_offset_meannanos) / 1e9", "{{instance}}")],
        thresholds=rising(0.1, 0.4),
    ),
    Lines(
        "Latency in the server",
        "p99 of SQL statements, by node.",
        "ns",
        [
            Query(
                "histogram_quantile(0.99, sum by (instance, le) "
                "(rate(sql_service_latency_bucket[$__rate_interval])))",
                "{{instance}}",
            )
        ],
    ),
    Lines(
        "Writing the log",
        "p99 of the time until log entries are on the disk of a node. A write waits for a majority "
        "of the nodes.",
        "ns",
        [
            Query(
                "histogram_quantile(0.99, sum by (instance, le) "
                "(rate(raft_process_logcommit_latency_bucket[$__rate_interval])))",
                "{{instance}}",
            )
        ],
        thresholds=rising(5e7, 1e8),
    ),
    Lines(
        "Stuck requests",
        "Requests that have waited for tens of seconds for a lease, a majority, or each other.",
        "short",
        [
            Query("sum by (instance) (requests_slow_lease)", "{{instance}}: lease"),
            Query("sum by (instance) (requests_slow_raft)", "{{instance}}: majority"),
            Query("sum by (instance) (requests_slow_latch)", "{{instance}}: each other"),
        ],
        thresholds=nothing_above(1),
        decimals=0,
    ),
    Lines(
        "Slow operations of disks",
        "Operations that took longer than 10 seconds (slow) or 30 (stalled), by node.",
        "short",
        [
            Query(
                f"sum by (instance) (increase(storage_disk_{kind}[$__rate_interval]))",
                f"{{{{instance}}}}: {kind}",
            )
            for kind in ("slow", "stalled")
        ],
        thresholds=nothing_above(1),
    ),
    Lines(
        "Connections of a node",
        "SQL connections, by node: clients spread over all nodes.",
        "short",
        [Query("sql_conns", "{{instance}}")],
        decimals=0,
    ),
    Lines(
        "Space used",
        "The share of a node's store that is used, by node.",
        "percentunit",
        [Query("1 - capacity_available / capacity", "{{instance}}")],
        thresholds=rising(0.7, 0.85),
        most=1,
    ),
    Lines(
        "Restarted transactions",
        "Per second, by node, because of conflicts with others.",
        "ops",
        [
            Query(
                "sum by (instance) (rate(txn_restarts_count[$__rate_interval]))",
                "{{instance}}",
            )
        ],
    ),
]

DASHBOARD = Dashboard(
    "kv-database",
    "Key-value store: database",
    "What the database is asked, how long it takes, and what goes wrong.",
    [
        Section("Writes", WRITES),
        Section("Reads", READS),
        Section("Connections and errors", CONNECTIONS),
        Section("Upkeep", UPKEEP),
        Section("CockroachDB", COCKROACH),
    ],
    [replicas("kv-api|kv-worker")],
)
