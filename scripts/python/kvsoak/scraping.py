"""What kv-api and kv-worker say of themselves at /metrics."""

import re

from kvcluster import probes

SECONDS = 2
# The name in the results, the kind that has it, the metric, and how several nodes are put together.
TABLE = [
    ("outbox age", "kv-worker", "kv_outbox_age_seconds", max),
    ("queue depth", "kv-worker", "kv_queue_ready_messages", max),
    ("dead letters", "kv-worker", "kv_queue_dead_messages", max),
    ("held writes", "kv-worker", "kv_worker_held_writes", sum),
    ("unconfirmed writes", "kv-api", "kv_queue_unconfirmed_writes", sum),
    ("watchers", "kv-api", "kv_watchers", sum),
    ("requests in flight", "kv-api", "kv_http_requests_in_flight", sum),
]
LINE = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)


def values(text):
    """The sum of each metric over its labels."""
    found = {}
    for name, _, number in LINE.findall(text):
        found[name] = found.get(name, 0.0) + float(number)
    return found


def scrape(ports):
    """The figures of `TABLE`, as far as nodes answer. `ports` has those of each kind."""
    answers = {
        kind: [
            values(text)
            for status, text in (probes.http_get(port, "/metrics", SECONDS) for port in those)
            if status == 200
        ]
        for kind, those in ports.items()
    }
    found = {}
    for name, kind, metric, together in TABLE:
        known = [answer[metric] for answer in answers.get(kind, []) if metric in answer]
        if known:
            found[name] = together(known)
    return found
