"""Panels: queries, display and thresholds.

Grafana 11's schema. Units are Grafana's own: short, percentunit, s, bytes, Bps, reqps, ops.
"""

from dataclasses import dataclass, field

# The variable of this name, so that a dashboard can be used with another Prometheus.
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

GREEN, ORANGE, RED = "green", "orange", "red"


def rising(warning, critical):
    """Small values are good."""
    return [(None, GREEN), (warning, ORANGE), (critical, RED)]


def falling(critical, warning):
    """Large values are good."""
    return [(None, RED), (critical, ORANGE), (warning, GREEN)]


def at_least(number):
    """Bad below a number."""
    return [(None, RED), (number, GREEN)]


def nothing_above(number):
    """Bad from a number on."""
    return [(None, GREEN), (number, RED)]


@dataclass(frozen=True)
class Query:
    """An expression, and the legend of its series."""

    expression: str
    legend: str

    def json(self, number):
        return {
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": self.expression,
            "instant": False,
            "legendFormat": self.legend,
            "range": True,
            "refId": chr(ord("A") + number),
        }


@dataclass(frozen=True)
class Panel:
    """What all panels have. `link` names the dashboard with details."""

    title: str
    description: str
    unit: str
    queries: list
    width: int = 8
    thresholds: list = field(default_factory=list)
    most: float | None = None
    decimals: int | None = None
    link: str | None = None

    kind = ""
    height = 8

    def json(self, number, x, y):
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "links": self._links(),
            "options": self.options(),
            "pluginVersion": "11.0.0",
            "targets": self.targets(),
            "transformations": self.transformations(),
        }

    def defaults(self):
        steps = self.thresholds or [(None, GREEN)]
        values = {
            "color": self.color(),
            "custom": self.custom(),
            "mappings": [],
            "min": 0,
            "thresholds": {
                "mode": "absolute",
                "steps": [{"color": color, "value": value} for value, color in steps],
            },
            "unit": self.unit,
        }
        if self.most is not None:
            values["max"] = self.most
        if self.decimals is not None:
            values["decimals"] = self.decimals
        return values

    def color(self):
        return {"mode": "thresholds"}

    def custom(self):
        return {}

    def overrides(self):
        return []

    def options(self):
        return {}

    def targets(self):
        return [query.json(number) for number, query in enumerate(self.queries)]

    def transformations(self):
        return []

    def _links(self):
        if self.link is None:
            return []
        return [{"title": "Details", "url": f"/d/{self.link}?${{__url_time_range}}"}]


@dataclass(frozen=True)
class Lines(Panel):
    """Lines over time; `is_stacked`: parts of a whole."""

    is_stacked: bool = False

    kind = "timeseries"

    def color(self):
        return {"mode": "palette-classic"}

    def custom(self):
        return {
            "axisPlacement": "auto",
            "drawStyle": "line",
            "fillOpacity": 30 if self.is_stacked else 8,
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "scaleDistribution": {"type": "linear"},
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if self.is_stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if self.thresholds else "off"},
        }

    def options(self):
        return {
            "legend": {
                "calcs": ["mean", "max", "lastNotNull"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True)
class Number(Panel):
    """The last value, large."""

    width: int = 4

    kind = "stat"
    height = 5

    def options(self):
        return {
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showPercentChange": False,
            "textMode": "auto",
            "wideLayout": True,
        }


@dataclass(frozen=True)
class Rows(Panel):
    """A table of the current values: a row for each series, a column for each of `columns`."""

    columns: list = field(default_factory=list)
    width: int = 24

    kind = "table"

    def custom(self):
        return {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}

    def options(self):
        return {
            "cellHeight": "sm",
            "footer": {"countRows": False, "fields": "", "reducer": ["sum"], "show": False},
            "showHeader": True,
        }

    def targets(self):
        return [
            query.json(number) | {"format": "table", "instant": True, "range": False}
            for number, query in enumerate(self.queries)
        ]

    def transformations(self):
        return [
            {
                "id": "filterFieldsByName",
                "options": {"include": {"names": [name for name, _ in self.columns]}},
            },
            {
                "id": "organize",
                "options": {
                    "excludeByName": {},
                    "indexByName": {name: place for place, (name, _) in enumerate(self.columns)},
                    "renameByName": dict(self.columns),
                },
            },
        ]


@dataclass(frozen=True)
class Prose(Panel):
    """A text in Markdown."""

    text: str = ""
    width: int = 12

    kind = "text"

    # About how many characters fit into a line, and the pixels of lines, paragraphs and the grid.
    LINE_CHARACTERS, LINE, PARAGRAPH, FRAME, GRID = 100, 22, 12, 60, 38

    @property
    def height(self):
        paragraphs = self.text.split("\n\n")
        lines = sum(len(text) // self.LINE_CHARACTERS + 1 for text in paragraphs)
        return (lines * self.LINE + len(paragraphs) * self.PARAGRAPH + self.FRAME) // self.GRID + 1

    def defaults(self):
        return {}

    def options(self):
        return {"content": self.text, "mode": "markdown"}
