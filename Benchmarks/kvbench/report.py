"""The table of results."""

import json
import os
import statistics
import subprocess
from collections import Counter
from dataclasses import dataclass, field

from loadtest.latencies import Latencies

from . import spread

# The columns of the table, by the fields of a row.
COLUMNS = {
    "what": "",
    "measured": "measured: median (range)",
    "spread": "spread",
    "cpu": "CPU µs",
    "behind": "behind µs",
    "target": "target",
    "reached": "reached",
    "verdict": "",
}
# Longer texts would break the table.
REASON_CHARACTERS_MAX = 100


@dataclass
class Row:
    """A row of the table: a measurement, and its goal if there is one. `rounds` are its figures
    before they became a median."""

    what: str
    measured: str
    cpu: str = ""
    behind: str = ""
    target: str = ""
    reached: str = ""
    verdict: str = ""
    rounds: list = field(default_factory=list)

    @property
    def spread(self):
        return spread.told(self.rounds)


@dataclass
class Series:
    """All runs of one contender."""

    name: str
    runs: list = field(default_factory=list)

    @property
    def rates(self):
        return [run.per_second for run in self.runs]

    @property
    def per_second(self):
        return statistics.median(self.rates)

    @property
    def cpu_microseconds(self):
        return statistics.median(run.cpu_microseconds for run in self.runs)

    @property
    def behind_microseconds(self):
        return statistics.median(run.behind_microseconds for run in self.runs)

    @property
    def latencies(self):
        """Those of all runs together."""
        together = Latencies()
        for run in self.runs:
            together.add(run.latencies)
        return together

    @property
    def failed(self):
        """Failures of all runs together, by error."""
        return sum((Counter(run.failed) for run in self.runs), Counter())

    def row(self):
        rates = self.rates
        measured = f"{self.per_second:,.0f}/s ({min(rates):,.0f}–{max(rates):,.0f})"
        behind = f"{self.behind_microseconds:.1f}" if self.behind_microseconds else ""
        cpu = f"{self.cpu_microseconds:.1f}"
        return Row(self.name, measured, cpu, behind, rounds=rates)


def judged(row, target, reached, passes):
    row.target, row.reached = target, reached
    row.verdict = "PASS" if passes else "MISS"
    return row


def unmeasured(name, error):
    """The row for a measurement that failed: its goals are missed."""
    if isinstance(error, subprocess.CalledProcessError):
        error = f"{os.path.basename(error.cmd[0])} ended with code {error.returncode}"
    return Row(f"{name}: not measured", str(error)[:REASON_CHARACTERS_MAX], verdict="MISS")


def table(rows):
    """`None` among the rows draws a line; empty columns are left out."""
    shown = [name for name in COLUMNS if any(getattr(row, name) for row in rows if row)]
    head = [COLUMNS[name] for name in shown]
    lines = [[getattr(row, name) for name in shown] if row else None for row in rows]
    cells = [head, None, *lines]
    widths = [max(len(line[place]) for line in cells if line) for place in range(len(shown))]
    rule = "  ".join("─" * width for width in widths).rstrip()
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() if line else rule
        for line in cells
    )


def save(folder, name, text, figures):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(f"{path}.txt", "w") as file:
        file.write(text + "\n")
    with open(f"{path}.json", "w") as file:
        json.dump(figures, file, indent=2)
    return path
