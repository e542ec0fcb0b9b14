"""The sources of Grafana's dashboards. `scripts/dashboards` generates their JSON.

A panel has sixty lines of JSON, of which five are specific. Those are here; panels.py and
dashboard.py have what all panels share.
"""

from . import api, cache, database, overview, queue, resources, runbook

DASHBOARDS = [
    overview.DASHBOARD,
    api.DASHBOARD,
    cache.DASHBOARD,
    database.DASHBOARD,
    queue.DASHBOARD,
    resources.DASHBOARD,
    runbook.DASHBOARD,
]
