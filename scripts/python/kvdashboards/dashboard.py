"""A dashboard: its variables, and its panels in sections from top to bottom."""

from dataclasses import dataclass, field

from .panels import SOURCE

COLUMNS = 24
# Dashboards with this tag link to each other.
TAG = "kv"
# The provisioned data source: grafana/provisioning/datasources/prometheus.yml.
SOURCE_UID = "kv-prometheus"


@dataclass(frozen=True)
class Variable:
    """A choice of values of a label; several can be chosen, and all are by default."""

    name: str
    title: str
    metric: str
    label: str

    @property
    def query(self):
        return f"label_values({self.metric}, {self.label})"

    def json(self):
        return {
            # So that values that appear later are included.
            "allValue": ".*",
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "datasource": SOURCE,
            "definition": self.query,
            "hide": 0,
            "includeAll": True,
            "label": self.title,
            "multi": True,
            "name": self.name,
            "options": [],
            "query": {
                "qryType": 1,
                "query": self.query,
                "refId": "PrometheusVariableQueryEditor-VariableQuery",
            },
            "refresh": 2,
            "regex": "",
            "skipUrlSync": False,
            "sort": 1,
            "type": "query",
        }


@dataclass(frozen=True)
class Text:
    """A text that a viewer can change."""

    name: str
    title: str
    text: str

    def json(self):
        current = {"selected": True, "text": self.text, "value": self.text}
        return {
            "current": current,
            "hide": 0,
            "label": self.title,
            "name": self.name,
            "options": [current],
            "query": self.text,
            "skipUrlSync": False,
            "type": "textbox",
        }


@dataclass(frozen=True)
class Link:
    """A link at the top of a dashboard."""

    title: str
    url: str
    tooltip: str

    def json(self):
        return {
            "asDropdown": False,
            "icon": "external link",
            "includeVars": False,
            "keepTime": False,
            "tags": [],
            "targetBlank": True,
            "title": self.title,
            "tooltip": self.tooltip,
            "type": "link",
            "url": self.url,
        }


def replicas(job, name="instance", title="Replica"):
    """The processes of a job, or of all jobs that match a regular expression."""
    return Variable(name, title, f'up{{job=~"{job}"}}', "instance")


SOURCE_VARIABLE = {
    "current": {"selected": True, "text": "Prometheus", "value": SOURCE_UID},
    "hide": 0,
    "includeAll": False,
    "label": "Data source",
    "multi": False,
    "name": "datasource",
    "options": [],
    "query": "prometheus",
    "refresh": 1,
    "regex": "",
    "skipUrlSync": False,
    "type": "datasource",
}

ALERTS = {
    "datasource": SOURCE,
    "enable": True,
    "expr": 'ALERTS{alertstate="firing"}',
    "iconColor": "red",
    "name": "Alerts",
    "tagKeys": "severity",
    "textFormat": "{{job}} {{instance}}",
    "titleFormat": "{{alertname}}",
}

BUILT_IN = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


@dataclass(frozen=True)
class Section:
    """Panels under a heading, from left to right, as many in a row as fit."""

    title: str
    panels: list


@dataclass(frozen=True)
class Dashboard:
    """One file of grafana/dashboards, named after its `uid`."""

    uid: str
    title: str
    description: str
    sections: list
    variables: list = field(default_factory=list)
    links: list = field(default_factory=list)

    def json(self):
        return {
            "annotations": {"list": [BUILT_IN, ALERTS]},
            "description": self.description,
            "editable": True,
            "fiscalYearStartMonth": 0,
            # All panels share the crosshair.
            "graphTooltip": 1,
            "id": None,
            "links": [self._links(), *[link.json() for link in self.links]],
            "panels": list(self._panels()),
            "refresh": "10s",
            "schemaVersion": 39,
            "tags": [TAG],
            "templating": {
                "list": [SOURCE_VARIABLE, *[variable.json() for variable in self.variables]]
            },
            "time": {"from": "now-30m", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        }

    @staticmethod
    def _links():
        return {
            "asDropdown": False,
            "icon": "external link",
            "includeVars": False,
            "keepTime": True,
            "tags": [TAG],
            "targetBlank": False,
            "title": "",
            "tooltip": "",
            "type": "dashboards",
            "url": "",
        }

    def _panels(self):
        number = y = 0
        for section in self.sections:
            number += 1
            yield {
                "collapsed": False,
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
                "id": number,
                "panels": [],
                "title": section.title,
                "type": "row",
            }
            y += 1
            x = height = 0
            for panel in section.panels:
                if x + panel.width > COLUMNS:
                    x, y, height = 0, y + height, 0
                number += 1
                yield panel.json(number, x, y)
                x += panel.width
                height = max(height, panel.height)
            y += height
