"""The files under test, and the expressions in them."""

import json
import re
from pathlib import Path

from support import ROOT

RULES = ROOT / "prometheus" / "rules"
SCRAPED = sorted((ROOT / "prometheus").glob("prometheus*.yml"))
RUNBOOK = ROOT / "prometheus" / "RUNBOOK.md"
ENVIRONMENT = ROOT / ".env.example"
CASES = Path(__file__).parent / "cases"
GRAFANA = ROOT / "grafana"

# The value of `$__rate_interval`: four times the data source's interval of 5 s.
RATE_INTERVAL = "20s"


def dashboards():
    """All dashboards, by file name."""
    paths = sorted((GRAFANA / "dashboards").glob("*.json"))
    return {path.name: json.loads(path.read_text()) for path in paths}


def panels(dashboard):
    """The panels without rows, which are headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_expressions():
    """The expressions of all panels, as in the files."""
    return [
        target["expr"]
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def variables(dashboard):
    """The variables with values from a query."""
    return [one for one in dashboard["templating"]["list"] if one["type"] == "query"]


def filled_in(expression):
    """An expression as Grafana sends it, with all values of every variable chosen."""
    expression = expression.replace("$__rate_interval", RATE_INTERVAL)
    return re.sub(r"\$\{?\w+\}?", ".*", expression)


def label_values(query):
    """The selector and the label of `label_values(selector, label)`."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    return found.groups() if found else None


GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
SELECTOR = re.compile(
    r"""(?<![\w:.$])([a-zA-Z_:][\w:]*)      # a name
        (\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})?  # its matchers
        (\s*\()?                             # or it is a function""",
    re.VERBOSE,
)
KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
KEYWORDS |= {"by", "without", "on", "ignoring", "group_left", "group_right"}


def selectors(expression):
    """The selectors of an expression: each metric with its matchers, once."""
    found = SELECTOR.findall(GROUPING.sub("", expression))
    return sorted(
        {
            name + matchers
            for name, matchers, is_function in found
            if not is_function and name.lower() not in KEYWORDS
        }
    )


def labels(legend):
    """The labels in a legend."""
    return set(re.findall(r"\{\{(\w+)\}\}", legend))
