"""The overview: do clients get answers, and does everything run?"""

from .dashboard import Dashboard, Link, Section, Text, Variable
from .panels import (
    Lines,
    Number,
    Query,
    Rows,
    at_least,
    falling,
    nothing_above,
    rising,
)

NOW = [
    Number(
        "Requests",
        "Requests answered a second by all kv-api, without probes.",
        "reqps",
        [Query('job:kv_http_requests:rate1m{job="kv-api"}', "requests")],
        decimals=1,
        link="kv-api",
    ),
    Number(
        "Failed",
        "The share of requests that were answered with a server error, over 5 minutes.",
        "percentunit",
        [Query('job:kv_http_requests_failed:ratio_rate5m{job="kv-api"}', "failed")],
        thresholds=rising(0.001, 0.01),
        decimals=2,
        link="kv-api",
    ),
    Number(
        "99 of 100 within",
        "The slowest route for keys: 1 of 100 requests takes longer, over 5 minutes.",
        "s",
        [
            Query(
                "max(job_route:kv_http_request_duration_seconds:p99_rate5m"
                '{job="kv-api",route=~"/kv|/kv/.*|/batch"})',
                "p99",
            )
        ],
        thresholds=rising(0.1, 0.5),
        link="kv-api",
    ),
    Number(
        "Cache hits",
        "The share of look-ups that Redis answered, over 5 minutes.",
        "percentunit",
        [Query('job:kv_cache_lookups_hit:ratio_rate5m{job="kv-api"}', "hits")],
        thresholds=falling(0.5, 0.8),
        most=1,
        decimals=1,
        link="kv-cache",
    ),
    Number(
        "Queued writes",
        "Writes that no worker has taken yet.",
        "short",
        [Query("kv:queue_ready_writes:max", "ready")],
        thresholds=rising(1000, 10000),
        link="kv-queue",
    ),
    Number(
        "Alerts",
        "Alerts that fire now; the table below lists them.",
        "short",
        [Query('count(ALERTS{alertstate="firing"}) or vector(0)', "firing")],
        thresholds=nothing_above(1),
    ),
]

CLIENTS = [
    Lines(
        "Requests by route",
        "Requests answered a second, without probes.",
        "reqps",
        [Query('job_route:kv_http_requests:rate1m{job="kv-api"}', "{{route}}")],
        link="kv-api",
    ),
    Lines(
        "Latency of keys",
        "How long reads and writes of single keys take, over 5 minutes. Waits for queued writes "
        "(Prefer: wait) count.",
        "s",
        [
            Query(
                f"job_route:kv_http_request_duration_seconds:{quantile}_rate5m"
                '{job="kv-api",route="/kv/{key}"}',
                quantile,
            )
            for quantile in ("p50", "p95", "p99")
        ],
        thresholds=rising(0.1, 0.5),
        link="kv-api",
    ),
    Lines(
        "Failed requests",
        "The share of requests that were answered with a server error, over 5 minutes.",
        "percentunit",
        [Query('job:kv_http_requests_failed:ratio_rate5m{job="kv-api"}', "failed")],
        thresholds=rising(0.001, 0.01),
        link="kv-api",
    ),
    Lines(
        "Watchers",
        "Streams of events that are open.",
        "short",
        [Query('job:kv_watchers:sum{job="kv-api"}', "watchers")],
        link="kv-api",
    ),
    Lines(
        "Events to watchers",
        "Events sent a second; one event counts for each watcher that gets it.",
        "ops",
        [Query('job:kv_watch_events:rate1m{job="kv-api"}', "events")],
        link="kv-api",
    ),
    Lines(
        "Lag of watchers",
        "1 of 100 events reaches its watcher later than this after the commit, over 5 minutes.",
        "s",
        [Query('job:kv_watch_lag_seconds:p99_rate5m{job="kv-api"}', "p99")],
        thresholds=rising(1, 5),
        link="kv-api",
    ),
]

SERVICES = [
    Lines(
        "Processes that answer",
        "Targets that answered Prometheus, by job.",
        "short",
        [Query('job:up:sum{job=~"$job"}', "{{job}}")],
        decimals=0,
    ),
    Lines(
        "Processor time",
        "Cores that this project's processes use, by job.",
        "short",
        [Query('sum by (job) (job_instance:process_cpu_seconds:rate1m{job=~"$job"})', "{{job}}")],
        link="kv-resources",
    ),
    Lines(
        "Work refused by the database",
        "Failed statements per second, by error. Normally zero.",
        "ops",
        [Query('sum by (error) (job_error:kv_store_errors:rate5m{job=~"$job"})', "{{error}}")],
        link="kv-database",
    ),
    Number(
        "Database",
        "Processes with a connection to the database.",
        "short",
        [Query("count(sum by (instance) (kv_database_connections) > 0) or vector(0)", "connected")],
        thresholds=at_least(1),
        link="kv-database",
    ),
    Number(
        "Redis",
        "The share of event loops that read from Redis.",
        "percentunit",
        [Query("sum(kv_redis_loops_serving) / sum(kv_redis_loops)", "in use")],
        thresholds=falling(0.5, 1),
        most=1,
        link="kv-cache",
    ),
    Number(
        "Sentinels missing",
        "Sentinels that do not answer, as seen by the process that misses most.",
        "short",
        [Query("max(kv_redis_sentinels - kv_redis_sentinels_answering)", "missing")],
        thresholds=rising(1, 2),
        link="kv-cache",
    ),
    Number(
        "RabbitMQ nodes",
        "Nodes that answer Prometheus; a majority is required.",
        "short",
        [Query('job:up:sum{job="rabbitmq"}', "nodes")],
        thresholds=falling(2, 3),
        link="kv-queue",
    ),
    Number(
        "Outbox",
        "Age of the oldest committed change that is not published. Its event is late by this time.",
        "s",
        [Query("kv:outbox_age_seconds:max", "oldest")],
        thresholds=rising(10, 60),
        link="kv-queue",
    ),
    Number(
        "Dead letters",
        "Queued writes that could not be applied and wait for an operator.",
        "short",
        [Query("kv:queue_dead_messages:max", "dead")],
        thresholds=nothing_above(1),
        link="kv-queue",
    ),
]

ALERTS = [
    Rows(
        "Alerts now",
        "Pending alerts are true, but not for long enough yet. The runbook says what to do.",
        "short",
        [Query("ALERTS", "{{alertname}}")],
        columns=[
            ("alertname", "Alert"),
            ("alertstate", "State"),
            ("severity", "Severity"),
            ("job", "Job"),
            ("instance", "Instance"),
        ],
        link="kv-runbook",
    )
]

DASHBOARD = Dashboard(
    "kv-overview",
    "Key-value store: overview",
    "Whether clients get answers, and whether everything is there.",
    [
        Section("Now", NOW),
        Section("Clients", CLIENTS),
        Section("Services", SERVICES),
        Section("Alerts", ALERTS),
    ],
    [
        Variable("job", "Job", "up", "job"),
        # As in .env.example; only the browser follows it.
        Text("console", "Console", "http://127.0.0.1:8080"),
    ],
    links=[
        Link("Console", "${console:raw}/", "The keys themselves"),
        Link("Runbook", "/d/kv-runbook", "What each alert means, and what to do"),
    ],
)
