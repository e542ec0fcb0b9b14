"""kv-api: requests, latencies, connections."""

from .dashboard import Dashboard, Section, Variable, replicas
from .panels import Lines, Query, nothing_above, rising

REPLICA = 'job="kv-api",instance=~"$instance"'
ROUTE = f'{REPLICA},route=~"$route"'


def rate(metric, labels=REPLICA, by=None, more=""):
    """The sum of the rates of the chosen replicas."""
    total = f"sum by ({by})" if by else "sum"
    return f"{total} (rate({metric}{{{labels}{more}}}[$__rate_interval]))"


def quantile(number, by="le"):
    buckets = rate("kv_http_request_duration_seconds_bucket", ROUTE, by)
    return f"histogram_quantile({number}, {buckets})"


def share(statuses):
    """The share of answers with these statuses; 0 if there are none."""
    everything = rate("kv_http_requests_total", ROUTE)
    some = rate("kv_http_requests_total", ROUTE, more=f',status=~"{statuses}"')
    return f"({some} or 0 * {everything}) / {everything}"


REQUESTS = [
    Lines(
        "By route",
        "Requests answered a second.",
        "reqps",
        [Query(rate("kv_http_requests_total", ROUTE, "method, route"), "{{method}} {{route}}")],
    ),
    Lines(
        "By status",
        "Requests answered a second.",
        "reqps",
        [Query(rate("kv_http_requests_total", ROUTE, "status"), "{{status}}")],
        is_stacked=True,
    ),
    Lines(
        "By replica",
        "Requests answered a second: Nginx should spread them evenly.",
        "reqps",
        [Query(rate("kv_http_requests_total", ROUTE, "instance"), "{{instance}}")],
    ),
    Lines(
        "Server errors",
        "The share of answers with a status of 500 or more.",
        "percentunit",
        [Query(share("5..|other"), "5xx")],
        thresholds=rising(0.001, 0.01),
    ),
    Lines(
        "Client errors",
        "The share of answers with a status from 400 to 499. 404 and 412 are normal.",
        "percentunit",
        [Query(share("4.."), "4xx"), Query(share("404"), "404"), Query(share("412"), "412")],
    ),
    Lines(
        "Refused before a route saw them",
        "Requests a second that are not HTTP, too large or too slow, by status.",
        "reqps",
        [Query(rate("kv_http_refused_requests_total", by="status"), "{{status}}")],
    ),
    Lines(
        "Refused for their sender or the load",
        "Requests a second, by reason. token: none, or unknown. scope: the token does not allow "
        "it. origin: a page of another site. rate: the token sends more than it may. overload: "
        "the server has too much to do.",
        "reqps",
        [Query(rate("kv_api_refused_total", by="reason"), "{{reason}}")],
        is_stacked=True,
    ),
]

LATENCIES = [
    Lines(
        "Latency",
        "From the complete request to the complete answer, without the time on the network.",
        "s",
        [Query(quantile(q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)],
        thresholds=rising(0.1, 0.5),
    ),
    Lines(
        "p99 by route",
        "1 of 100 requests takes longer.",
        "s",
        [Query(quantile(0.99, "route, le"), "{{route}}")],
        thresholds=rising(0.1, 0.5),
    ),
    Lines(
        "p99 by replica",
        "A replica that is slower than the others has a problem of its own.",
        "s",
        [Query(quantile(0.99, "instance, le"), "{{instance}}")],
        thresholds=rising(0.1, 0.5),
    ),
]

LOAD = [
    Lines(
        "In flight",
        "Requests being answered.",
        "short",
        [Query(f"sum by (instance) (kv_http_requests_in_flight{{{REPLICA}}})", "{{instance}}")],
    ),
    Lines(
        "Refused by the store",
        "Requests a second that found a queue full and were answered 503 at once.",
        "ops",
        [Query(rate("kv_store_refused_total", by="work"), "{{work}}")],
        thresholds=nothing_above(1),
    ),
    Lines(
        "Buffers",
        "Memory for bodies in transit, and for answers that clients have not read yet.",
        "bytes",
        [
            Query(f"sum(kv_http_body_buffer_bytes{{{REPLICA}}})", "bodies"),
            Query(f"sum(kv_http_answer_buffer_bytes{{{REPLICA}}})", "answers"),
        ],
        is_stacked=True,
    ),
]

WATCHERS = [
    Lines(
        "Watchers",
        "Streams of events that are open. After a restart those of a replica come back to all.",
        "short",
        [Query(f"sum by (instance) (kv_watchers{{{REPLICA}}})", "{{instance}}")],
    ),
    Lines(
        "Events by replica",
        "Events sent to watchers a second; one event counts for each watcher that gets it.",
        "ops",
        [Query(rate("kv_watch_events_total", by="instance"), "{{instance}}")],
    ),
    Lines(
        "Lag of events",
        "From the commit until an event is handed to the socket of its watcher.",
        "s",
        [
            Query(
                f"histogram_quantile({q}, {rate('kv_watch_lag_seconds_bucket', by='le')})",
                f"p{q * 100:g}",
            )
            for q in (0.5, 0.95, 0.99)
        ],
        thresholds=rising(1, 5),
    ),
    Lines(
        "Watchers ended",
        "Per second, by reason. slow: it did not read what it was sent. fallen: what it missed is "
        "no longer kept. token: its token was taken away. drain: its replica leaves.",
        "ops",
        [Query(rate("kv_watch_ended_total", by="reason"), "{{reason}}")],
        is_stacked=True,
    ),
    Lines(
        "Bytes held for watchers",
        "Events that watchers have not read yet. Past its bound a watcher is ended as slow.",
        "bytes",
        [Query(f"sum by (instance) (kv_watch_bytes_held{{{REPLICA}}})", "{{instance}}")],
    ),
]

CONNECTIONS = [
    Lines(
        "Connections",
        "Open connections. At the maximum, new ones are refused.",
        "short",
        [
            Query(f"sum by (instance) (kv_http_connections_open{{{REPLICA}}})", "{{instance}}"),
            Query(f"min(kv_http_connections_max{{{REPLICA}}})", "the most of one replica"),
        ],
    ),
    Lines(
        "Connections made and refused",
        "Per second. Many new ones mean a client without keep-alive.",
        "ops",
        [
            Query(rate("kv_http_connections_accepted_total"), "accepted"),
            Query(rate("kv_http_connections_refused_total"), "refused"),
        ],
    ),
    Lines(
        "Traffic",
        "Bytes per second, including heads and framing.",
        "Bps",
        [
            Query(rate("kv_http_received_bytes_total"), "received"),
            Query(rate("kv_http_sent_bytes_total"), "sent"),
        ],
    ),
    Lines(
        "Draining",
        "1 while a replica that was told to leave finishes its requests.",
        "short",
        [Query(f"kv_draining{{{REPLICA}}}", "{{instance}}")],
        most=1,
        decimals=0,
    ),
    Lines(
        "Log lines dropped",
        "Per second, because the reader of the log was too slow.",
        "ops",
        [Query(rate("kv_log_lines_dropped_total", by="instance"), "{{instance}}")],
        thresholds=nothing_above(1),
    ),
    Lines(
        "Audit log",
        "Lines a second, and those that are lost. full: requests came faster than lines were "
        "written. failed: the file could not be written.",
        "ops",
        [
            Query(rate("kv_audit_lines_total"), "written"),
            Query(rate("kv_audit_lines_lost_total", by="reason"), "lost: {{reason}}"),
        ],
    ),
    Lines(
        "Spans of traces",
        "Per second, if KV_OTLP_URL is set. refused: the collector will never take them. dropped: "
        "too many waited for the collector. Failed: requests to the collector, which are repeated.",
        "ops",
        [
            Query(rate("kv_trace_spans_total", by="end"), "{{end}}"),
            Query(rate("kv_trace_export_failures_total"), "failed requests"),
        ],
    ),
    Lines(
        "Versions",
        "Replicas by version: two of them during an upgrade.",
        "short",
        [Query(f"count by (version) (kv_build_info{{{REPLICA}}})", "{{version}}")],
        decimals=0,
        is_stacked=True,
    ),
]

DASHBOARD = Dashboard(
    "kv-api",
    "Key-value store: API",
    "What clients ask of kv-api, how it is answered and how long that takes.",
    [
        Section("Requests", REQUESTS),
        Section("Latencies", LATENCIES),
        Section("Load", LOAD),
        Section("Watchers", WATCHERS),
        Section("Connections", CONNECTIONS),
    ],
    [
        replicas("kv-api"),
        Variable("route", "Route", 'kv_http_requests_total{job="kv-api"}', "route"),
    ],
)
