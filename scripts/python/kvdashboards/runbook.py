"""The runbook, so that it can be read where the alerts are seen."""

import re
from pathlib import Path

from .dashboard import Dashboard, Section
from .panels import Prose

FILE = Path(__file__).resolve().parents[3] / "prometheus" / "RUNBOOK.md"


def sections():
    """The title and the text of each section; the first has no title."""
    first, *rest = re.split(r"^## ", FILE.read_text(), flags=re.MULTILINE)
    yield "", first.partition("\n")[2].strip()
    for section in rest:
        title, _, text = section.partition("\n")
        yield title, text.strip()


def prose(title, text, description, **more):
    """A panel with a section, without its links to files, which Grafana can't open."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    return Prose(title, description, unit="", queries=[], text=text, **more)


(_, INTRODUCTION), *ALERTS = sections()

DASHBOARD = Dashboard(
    "kv-runbook",
    "Key-value store: runbook",
    "What each alert means, and what to do: prometheus/RUNBOOK.md.",
    [
        Section(
            "How to read it",
            [prose("Runbook", INTRODUCTION, "Where to look first.", width=24)],
        ),
        Section(
            "Alerts",
            [prose(title, text, f"What to do about {title}.") for title, text in ALERTS],
        ),
    ],
)
