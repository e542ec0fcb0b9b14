"""Grafana's dashboards, as they are written. `scripts/dashboards` makes the JSON of them.

The JSON of a panel is sixty lines, of which five are about the panel. Those five are here; the rest
is the same for all and stands in panels.py and dashboard.py.
"""

from . import api, cache, database, overview, queue, resources

DASHBOARDS = [
    overview.DASHBOARD,
    api.DASHBOARD,
    cache.DASHBOARD,
    database.DASHBOARD,
    queue.DASHBOARD,
    resources.DASHBOARD,
]
