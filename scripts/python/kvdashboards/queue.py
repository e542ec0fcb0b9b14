"""The queue of writes, the workers that apply them, and RabbitMQ."""

from .dashboard import Dashboard, Section, replicas
from .panels import Lines, Number, Query, at_least, nothing_above, rising

WORKER = 'job="kv-worker",instance=~"$instance"'
BROKER = 'job="rabbitmq",instance=~"$rabbitmq"'
QUEUES = 'job="rabbitmq-queues"'
# Without the stream of changes, all of whose messages count as ready.
WRITES = f'{QUEUES},queue=~"kv.writes.*"'


def rate(metric, by=None, labels=WORKER):
    """The sum of rates."""
    total = f"sum by ({by})" if by else "sum"
    return f"{total} (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantiles(histogram):
    return [
        Query(f"histogram_quantile({q}, {rate(histogram + '_bucket', 'le')})", f"p{q * 100:g}")
        for q in (0.5, 0.95, 0.99)
    ]


NOW = [
    Number(
        "Waiting",
        "Queued writes that no worker has taken yet: messages, by the writes in each.",
        "short",
        [Query("kv:queue_ready_writes:max", "ready")],
        thresholds=rising(1000, 10000),
    ),
    Number(
        "Empty in",
        "At the rate of the last minute; no value while nothing is applied.",
        "s",
        [Query("kv:queue_drain_seconds", "to empty")],
        thresholds=rising(30, 300),
    ),
    Number(
        "Oldest write",
        "Age since acceptance, of the writes that workers hold.",
        "s",
        [Query("kv:queue_oldest_seconds:max", "oldest")],
        thresholds=rising(10, 60),
    ),
    Number(
        "Applied",
        "Queued writes completed per second.",
        "ops",
        [Query("kv:worker_operations:rate1m", "applied")],
        decimals=1,
    ),
    Number(
        "Dead letters",
        "Writes that can't be applied and wait for an operator.",
        "short",
        [Query("kv:queue_dead_messages:max", "dead")],
        thresholds=nothing_above(1),
    ),
    Number(
        "Outbox",
        "Age of the oldest committed change that is not published.",
        "s",
        [Query("kv:outbox_age_seconds:max", "oldest")],
        thresholds=rising(10, 60),
    ),
]

QUEUE = [
    Lines(
        "Messages by queue",
        "Ready: not delivered. Unacknowledged: a worker has them. Under load a message carries "
        "hundreds of writes.",
        "short",
        [
            Query(
                f"max by (queue) (rabbitmq_detailed_queue_messages_ready{{{WRITES}}})",
                "{{queue}}: ready",
            ),
            Query(
                f"max by (queue) (rabbitmq_detailed_queue_messages_unacked{{{WRITES}}})",
                "{{queue}}: unacknowledged",
            ),
        ],
    ),
    Lines(
        "From acceptance to application",
        "The time that completed queued writes took.",
        "s",
        quantiles("kv_worker_queue_delay_seconds"),
        thresholds=rising(10, 60),
    ),
    Lines(
        "Consumers",
        "By queue. kv.writes has one for each worker; kv.changes one for each kv-api with "
        "watchers; kv.writes.dead has none.",
        "short",
        [
            Query(
                f"max by (queue) (rabbitmq_detailed_queue_consumers{{{QUEUES}}})",
                "{{queue}}",
            )
        ],
        decimals=0,
    ),
    Lines(
        "Handed over, not confirmed",
        "Writes that kv-api has sent and RabbitMQ has not confirmed. Their clients wait.",
        "short",
        [Query('kv_queue_unconfirmed_writes{job="kv-api"}', "{{instance}}")],
    ),
    Lines(
        "Given up",
        "Open connections to RabbitMQ that stalled and were replaced.",
        "short",
        [
            Query(
                'sum by (instance, connection) (increase(kv_queue_stalls_total[$__rate_interval]))',
                "{{instance}}: {{connection}}",
            )
        ],
        thresholds=nothing_above(1),
    ),
]

WORKERS = [
    Lines(
        "Done, by result",
        "Per second. Superseded: a newer write was applied before. Repeated: the result was "
        "already recorded.",
        "ops",
        [Query(rate("kv_worker_operations_total", "result"), "{{result}}")],
        is_stacked=True,
    ),
    Lines(
        "Done, by worker",
        "Per second. RabbitMQ distributes the work: a worker that gets less is slower.",
        "ops",
        [Query(rate("kv_worker_operations_total", "instance"), "{{instance}}")],
        is_stacked=True,
    ),
    Lines(
        "Writes in a message",
        "By worker, a moving average. Writes that wait for the publisher share a message.",
        "short",
        [Query(f"kv_worker_message_writes{{{WORKER}}}", "{{instance}}")],
    ),
    Lines(
        "Held",
        "Queued writes that a worker has received and not completed.",
        "short",
        [Query(f"kv_worker_held_writes{{{WORKER}}}", "{{instance}}")],
    ),
    Lines(
        "Memory for writes",
        "Of queued writes that a worker has received and not completed. KV_WORKER_BYTES is the "
        "limit; the rest waits in RabbitMQ.",
        "bytes",
        [Query(f"kv_worker_held_bytes{{{WORKER}}}", "{{instance}}")],
    ),
    Lines(
        "Oldest held",
        "Age since acceptance, by worker.",
        "s",
        [Query(f"kv_worker_oldest_held_seconds{{{WORKER}}}", "{{instance}}")],
        thresholds=rising(10, 60),
    ),
    Lines(
        "Duration of a batch",
        "From delivery to acknowledgement, including waits for the database.",
        "s",
        quantiles("kv_worker_batch_duration_seconds"),
    ),
    Lines(
        "Size of a batch",
        "Writes in one transaction, on average; no value without transactions.",
        "short",
        [
            Query(
                f"{rate('kv_worker_batch_operations_sum')}"
                f" / ({rate('kv_worker_batch_operations_count')} > 0)",
                "writes",
            )
        ],
    ),
    Lines(
        "Held and tried again",
        "Batches per second, by error.",
        "ops",
        [Query(rate("kv_worker_retries_total", "error"), "{{error}}")],
        thresholds=nothing_above(1),
    ),
    Lines(
        "Published for others",
        "Changes a second that their own process could not publish, failed rounds, and cache "
        "repairs for processes that can't reach the cache.",
        "ops",
        [
            Query(rate("kv_worker_relayed_changes_total"), "changes"),
            Query(rate("kv_worker_cache_repairs_total"), "cache repairs"),
            Query(rate("kv_worker_relay_failures_total"), "failed rounds"),
        ],
    ),
    Lines(
        "Not published",
        "Committed changes a second whose events a worker has to publish.",
        "ops",
        [
            Query(
                "sum by (instance) "
                "(rate(kv_feed_publish_failures_total[$__rate_interval]))",
                "{{instance}}",
            )
        ],
    ),
]

BROKERS = [
    Lines(
        "Messages",
        "Per second, of all queues: received from publishers, confirmed, delivered, acknowledged.",
        "ops",
        [
            Query(rate(f"rabbitmq_global_messages_{name}_total", labels=BROKER), title)
            for name, title in (
                ("received", "received"),
                ("confirmed", "confirmed"),
                ("delivered", "delivered"),
                ("acknowledged", "acknowledged"),
            )
        ],
    ),
    Lines(
        "Nodes that a node sees",
        "Including itself. Different numbers mean that the cluster is split.",
        "short",
        [
            Query(
                "count by (instance) "
                f'(erlang_vm_dist_node_state{{{BROKER},peer=~"rabbit.*"}} == 3) + 1',
                "{{instance}}",
            )
        ],
        thresholds=at_least(3),
        decimals=0,
    ),
    Lines(
        "Alarms",
        "1: memory or disk is over its bound, and the node blocks publishers.",
        "short",
        [
            Query(
                f"rabbitmq_alarms_memory_used_watermark{{{BROKER}}}", "{{instance}}: memory"
            ),
            Query(
                f"rabbitmq_alarms_free_disk_space_watermark{{{BROKER}}}", "{{instance}}: disk"
            ),
        ],
        thresholds=nothing_above(1),
        most=1,
        decimals=0,
    ),
    Lines(
        "Memory of the bound",
        "The share of vm_memory_high_watermark that a node uses.",
        "percentunit",
        [
            Query(
                f"rabbitmq_process_resident_memory_bytes{{{BROKER}}}"
                f" / rabbitmq_resident_memory_limit_bytes{{{BROKER}}}",
                "{{instance}}",
            )
        ],
        thresholds=rising(0.7, 0.9),
    ),
    Lines(
        "Free disk",
        "Free space, and the limit below which a node accepts no messages.",
        "bytes",
        [
            Query(f"rabbitmq_disk_space_available_bytes{{{BROKER}}}", "{{instance}}"),
            Query(f"max(rabbitmq_disk_space_available_limit_bytes{{{BROKER}}})", "limit"),
        ],
    ),
    Lines(
        "Clients",
        "Connections, by node.",
        "short",
        [Query(f"rabbitmq_connections{{{BROKER}}}", "{{instance}}")],
        decimals=0,
    ),
]

DASHBOARD = Dashboard(
    "kv-queue",
    "Key-value store: queue and workers",
    "Writes that are queued, the workers that apply them, and RabbitMQ.",
    [
        Section("Now", NOW),
        Section("Queue", QUEUE),
        Section("Workers", WORKERS),
        Section("RabbitMQ", BROKERS),
    ],
    [replicas("kv-worker"), replicas("rabbitmq", "rabbitmq", "RabbitMQ")],
)
