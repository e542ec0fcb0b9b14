"""The cache: how well it serves, whether it is trusted, and Redis itself."""

from .dashboard import Dashboard, Section, replicas
from .panels import Lines, Query, at_least, falling, nothing_above

API = 'job="kv-api",instance=~"$instance"'
NODE = 'job=~"kv-api|kv-worker",instance=~"$instance"'
REDIS = 'job="redis",instance=~"$redis"'


def rate(metric, labels=API, by=None, more=""):
    """The sum of rates."""
    total = f"sum by ({by})" if by else "sum"
    return f"{total} (rate({metric}{{{labels}{more}}}[$__rate_interval]))"


LOOKUPS = [
    Lines(
        "Hits",
        "The share of look-ups that Redis answered. A miss costs a statement of the database.",
        "percentunit",
        [
            Query(
                rate("kv_cache_lookups_total", more=',answer="hit"')
                + " / "
                + rate("kv_cache_lookups_total"),
                "now",
            ),
            Query('job:kv_cache_lookups_hit:ratio_rate5m{job="kv-api"}', "5 minutes, all replicas"),
        ],
        thresholds=falling(0.5, 0.8),
        most=1,
    ),
    Lines(
        "Look-ups",
        "Per second, by result. Expired: an entry whose time to live is over.",
        "ops",
        [Query(rate("kv_cache_lookups_total", by="answer"), "{{answer}}")],
        is_stacked=True,
    ),
    Lines(
        "Bypassed",
        "Look-ups a second without Redis, because it is down or not trusted.",
        "ops",
        [Query(rate("kv_redis_bypassed_total", by="instance"), "{{instance}}")],
    ),
]

CONTENT = [
    Lines(
        "Entries",
        "Keys in Redis, including tombstones.",
        "short",
        [Query(f"max(kv_cache_keys{{{API}}})", "entries")],
    ),
    Lines(
        "Memory",
        "What Redis uses, and its maxmemory, at which it starts to evict.",
        "bytes",
        [
            Query(f"max(kv_cache_bytes{{{API}}})", "used"),
            Query(f"max(kv_cache_bytes_max{{{API}}})", "the most"),
        ],
    ),
    Lines(
        "Evicted and expired",
        "Keys a second that Redis evicted, or that expired.",
        "ops",
        [
            Query(rate("redis_evicted_keys_total", REDIS), "evicted"),
            Query(rate("redis_expired_keys_total", REDIS), "expired"),
        ],
    ),
]

TRUST = [
    Lines(
        "Event loops that use Redis",
        "The others read from the database.",
        "percentunit",
        [
            Query(
                f"sum by (instance) (kv_redis_loops_serving{{{NODE}}})"
                f" / sum by (instance) (kv_redis_loops{{{NODE}}})",
                "{{instance}}",
            )
        ],
        thresholds=at_least(1),
        most=1,
    ),
    Lines(
        "Sentinels that answer",
        "By process. The cache is trusted only while a majority names the same master.",
        "short",
        [Query(f"kv_redis_sentinels_answering{{{NODE}}}", "{{instance}}")],
        thresholds=falling(2, 3),
        decimals=0,
    ),
    Lines(
        "Certain of the master",
        "1: a majority of the Sentinels has named it within the last second.",
        "short",
        [Query(f"kv_redis_master_certain{{{NODE}}}", "{{instance}}")],
        thresholds=at_least(1),
        most=1,
        decimals=0,
    ),
    Lines(
        "Failed updates and repairs",
        "Keys a second that may be outdated in Redis after a commit, and those repaired.",
        "ops",
        [
            Query(rate("kv_cache_update_failures_total", NODE), "failed"),
            Query(rate("kv_redis_repairs_total", NODE), "repaired"),
        ],
    ),
    Lines(
        "Connections made and given up",
        "Per second. Given up: an answer took longer than 50 ms.",
        "ops",
        [
            Query(rate("kv_redis_connects_total", NODE), "made"),
            Query(rate("kv_redis_timeouts_total", NODE), "given up"),
        ],
    ),
    Lines(
        "Sentinels' own view",
        "By Sentinel: how many others it reaches, and whether it could authorise a failover (1).",
        "short",
        [
            Query("redis_sentinel_master_ok_sentinels", "{{instance}}: usable Sentinels"),
            Query("redis_sentinel_master_ckquorum_status", "{{instance}}: failover possible"),
        ],
        decimals=0,
    ),
]

SERVERS = [
    Lines(
        "Answering",
        "1: this server answers the exporter.",
        "short",
        [Query(f"redis_up{{{REDIS}}}", "{{instance}}")],
        thresholds=at_least(1),
        most=1,
        decimals=0,
    ),
    Lines(
        "Commands",
        "Per second, by server. Replicas repeat the master's writes.",
        "ops",
        [Query(rate("redis_commands_processed_total", REDIS, "instance"), "{{instance}}")],
    ),
    Lines(
        "Time for a command",
        "Mean in the server, by command. Updates are scripts (evalsha).",
        "s",
        [
            Query(
                f"{rate('redis_commands_duration_seconds_total', REDIS, 'cmd')}"
                f" / ({rate('redis_commands_total', REDIS, 'cmd')} > 0)",
                "{{cmd}}",
            )
        ],
    ),
    Lines(
        "Memory by server",
        "As reported by Redis.",
        "bytes",
        [Query(f"redis_memory_used_bytes{{{REDIS}}}", "{{instance}}")],
    ),
    Lines(
        "Clients",
        "Connections of clients, by server.",
        "short",
        [Query(f"redis_connected_clients{{{REDIS}}}", "{{instance}}")],
    ),
    Lines(
        "Replication",
        "Whether a replica follows its master (1), and how long ago the master last heard of it.",
        "short",
        [
            Query(f"redis_master_link_up{{{REDIS}}}", "{{instance}} follows"),
            Query(
                f"redis_connected_slave_lag_seconds{{{REDIS}}}",
                "{{slave_ip}}:{{slave_port}} behind, in seconds",
            ),
        ],
        thresholds=nothing_above(10),
    ),
]

DASHBOARD = Dashboard(
    "kv-cache",
    "Key-value store: cache",
    "How well Redis serves, whether it is trusted, and how its servers are.",
    [
        Section("Look-ups", LOOKUPS),
        Section("Content", CONTENT),
        Section("Trust", TRUST),
        Section("Redis and Sentinel", SERVERS),
    ],
    [replicas("kv-api|kv-worker"), replicas("redis", "redis", "Redis")],
)
