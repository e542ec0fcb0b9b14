"""Processors, memory, disks, and the autoscaler's decisions."""

from .dashboard import Dashboard, Section, Variable, replicas
from .panels import Lines, Query, nothing_above, rising

PROCESS = 'job=~"$job",instance=~"$instance"'
NODE = 'job="node",instance=~"$node"'
SCALED = 'service=~"$service"'


def rate(metric, by, labels):
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


PROCESSES = [
    Lines(
        "Processor time",
        "Cores that a process uses.",
        "short",
        [Query(rate("process_cpu_seconds_total", "instance", PROCESS), "{{instance}}")],
    ),
    Lines(
        "Memory",
        "Resident memory of each process.",
        "bytes",
        [Query(f"process_resident_memory_bytes{{{PROCESS}}}", "{{instance}}")],
    ),
    Lines(
        "File descriptors",
        "The share of the file descriptors that a process may open. Most are connections.",
        "percentunit",
        [
            Query(
                f"process_open_fds{{{PROCESS}}} / process_max_fds{{{PROCESS}}}", "{{instance}}"
            )
        ],
        thresholds=rising(0.7, 0.9),
        most=1,
    ),
    Lines(
        "Threads",
        "One for each event loop, and a few more.",
        "short",
        [Query(f"process_threads{{{PROCESS}}}", "{{instance}}")],
        decimals=0,
    ),
    Lines(
        "Up since",
        "Falls to zero at a restart.",
        "s",
        [Query(f"time() - process_start_time_seconds{{{PROCESS}}}", "{{instance}}")],
    ),
    Lines(
        "Processor time a request",
        "Over all kv-api together.",
        "s",
        [
            Query(
                'sum(job_instance:process_cpu_seconds:rate1m{job="kv-api"})'
                ' / sum(job:kv_http_requests:rate1m{job="kv-api"})',
                "a request",
            )
        ],
    ),
]

MACHINES = [
    Lines(
        "Processors",
        "The share of all cores that is not idle.",
        "percentunit",
        [
            Query(
                "1 - avg by (instance) "
                f'(rate(node_cpu_seconds_total{{{NODE},mode="idle"}}[$__rate_interval]))',
                "{{instance}}",
            )
        ],
        thresholds=rising(0.7, 0.9),
        most=1,
    ),
    Lines(
        "Load",
        "Processes that run or wait, over a minute, and the number of cores.",
        "short",
        [
            Query(f"node_load1{{{NODE}}}", "{{instance}}"),
            Query(
                "count by (instance) "
                f'(node_cpu_seconds_total{{{NODE},mode="idle"}})',
                "{{instance}}: cores",
            ),
        ],
    ),
    Lines(
        "Memory in use",
        "The share that is not available to programs.",
        "percentunit",
        [
            Query(
                f"1 - node_memory_MemAvailable_bytes{{{NODE}}}"
                f" / node_memory_MemTotal_bytes{{{NODE}}}",
                "{{instance}}",
            )
        ],
        thresholds=rising(0.8, 0.95),
        most=1,
    ),
    Lines(
        "Disk space used",
        "The share of each disk that is not free for programs.",
        "percentunit",
        [
            Query(
                "1 - min by (instance, device) "
                f"(node_filesystem_avail_bytes{{{NODE}}} / node_filesystem_size_bytes{{{NODE}}})",
                "{{instance}} {{device}}",
            )
        ],
        thresholds=rising(0.85, 0.95),
        most=1,
    ),
    Lines(
        "Disk traffic",
        "Bytes a second that all disks read and write.",
        "Bps",
        [
            Query(rate("node_disk_read_bytes_total", "instance", NODE), "{{instance}}: read"),
            Query(rate("node_disk_written_bytes_total", "instance", NODE), "{{instance}}: written"),
        ],
    ),
    Lines(
        "Time a disk is busy",
        "The share of the time. Durable writes wait for the disk.",
        "percentunit",
        [
            Query(
                rate("node_disk_io_time_seconds_total", "instance, device", NODE),
                "{{instance}} {{device}}",
            )
        ],
        thresholds=rising(0.7, 0.9),
    ),
    Lines(
        "Network",
        "Bytes per second of all interfaces, including the loopback interface.",
        "Bps",
        [
            Query(
                rate("node_network_receive_bytes_total", "instance", NODE), "{{instance}}: received"
            ),
            Query(
                rate("node_network_transmit_bytes_total", "instance", NODE), "{{instance}}: sent"
            ),
        ],
    ),
]

AUTOSCALER = [
    Lines(
        "Replicas",
        "Current and desired number, and the bounds. Empty without kv-autoscaler, like all of this "
        "section.",
        "short",
        [
            Query(f"kv_autoscaler_replicas{{{SCALED}}}", "{{service}}: there are"),
            Query(f"kv_autoscaler_desired_replicas{{{SCALED}}}", "{{service}}: there should be"),
            Query(f"kv_autoscaler_min_replicas{{{SCALED}}}", "{{service}}: the fewest"),
            Query(f"kv_autoscaler_max_replicas{{{SCALED}}}", "{{service}}: the most"),
        ],
        decimals=0,
    ),
    Lines(
        "Replicas by metric",
        "What each metric asks for. The largest counts, limited by steps and stabilization.",
        "short",
        [
            Query(f"kv_autoscaler_metric_replicas{{{SCALED}}}", "{{service}}: {{metric}}"),
            Query(f"kv_autoscaler_recommended_replicas{{{SCALED}}}", "{{service}}: all together"),
        ],
        decimals=0,
    ),
    Lines(
        "Metrics and their targets",
        "Each metric relative to its target. Above 1 it asks for more replicas.",
        "percentunit",
        [
            Query(
                f"kv_autoscaler_metric_value{{{SCALED}}} / kv_autoscaler_metric_target{{{SCALED}}}",
                "{{service}}: {{metric}}",
            )
        ],
        thresholds=nothing_above(1.1),
    ),
    Lines(
        "Missing metrics",
        "1: could not be measured the last time, so that nothing is scaled down.",
        "short",
        [Query(f"kv_autoscaler_metric_missing{{{SCALED}}}", "{{service}}: {{metric}}")],
        thresholds=nothing_above(1),
        most=1,
        decimals=0,
    ),
    Lines(
        "Reasons",
        "1 for each reason that the last decision had; its log lines say it in words.",
        "short",
        [Query(f"kv_autoscaler_reason{{{SCALED}}}", "{{service}}: {{reason}}")],
        most=1,
        decimals=0,
    ),
    Lines(
        "Decisions",
        "Per second, by direction. Unknown: the number of replicas is not known.",
        "ops",
        [
            Query(
                rate("kv_autoscaler_decisions_total", "service, direction", SCALED),
                "{{service}}: {{direction}}",
            )
        ],
    ),
    Lines(
        "Commands",
        "Commands to change the number of replicas, per second and by result.",
        "ops",
        [
            Query(
                rate("kv_autoscaler_commands_total", "service, result", SCALED),
                "{{service}}: {{result}}",
            )
        ],
    ),
    Lines(
        "Commands at work",
        "The share of the time during which a command was running.",
        "percentunit",
        [
            Query(
                rate("kv_autoscaler_command_duration_seconds_sum", "service", SCALED),
                "{{service}}",
            )
        ],
        most=1,
    ),
    Lines(
        "Since the last decision",
        "A decision is made every 15 seconds (KV_AUTOSCALER_INTERVAL).",
        "s",
        [Query("time() - kv_autoscaler_last_decision_timestamp_seconds", "{{instance}}")],
        thresholds=rising(60, 120),
    ),
    Lines(
        "Only telling",
        "1: a dry run, which carries nothing out.",
        "short",
        [Query("kv_autoscaler_dry_run", "{{instance}}")],
        most=1,
        decimals=0,
    ),
]

DASHBOARD = Dashboard(
    "kv-resources",
    "Key-value store: resources and autoscaler",
    "What the processes and the machines have left, and how many replicas there are and should be.",
    [
        Section("Processes", PROCESSES),
        Section("Machines", MACHINES),
        Section("Autoscaler", AUTOSCALER),
    ],
    [
        Variable("job", "Job", 'process_cpu_seconds_total{job!="rabbitmq"}', "job"),
        replicas("$job"),
        replicas("node", "node", "Machine"),
        Variable("service", "Scaled service", "kv_autoscaler_min_replicas", "service"),
    ],
)
