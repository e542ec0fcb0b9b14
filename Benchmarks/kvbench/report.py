"""The table of results."""

import json
import os
import statistics
from collections import Counter
from dataclasses import asdict, dataclass, field


@dataclass
class Row:
    """A row of the table: a measurement, and its goal if there is one."""

    what: str
    measured: str
    cpu: str = ""
    behind: str = ""
    target: str = ""
    reached: str = ""
    verdict: str = ""


@dataclass
class Series:
    """All runs of one contender."""

    name: str
    runs: list = field(default_factory=list)

    @property
    def per_second(self):
        return statistics.median(run.per_second for run in self.runs)

    @property
    def cpu_microseconds(self):
        return statistics.median(run.cpu_microseconds for run in self.runs)

    @property
    def behind_microseconds(self):
        return statistics.median(run.behind_microseconds for run in self.runs)

    @property
    def failed(self):
        """Failures of all runs together, by error."""
        return sum((Counter(run.failed) for run in self.runs), Counter())

    def row(self):
        rates = [run.per_second for run in self.runs]
        measured = f"{self.per_second:,.0f}/s ({min(rates):,.0f}–{max(rates):,.0f})"
        behind = f"{self.behind_microseconds:.1f}" if self.behind_microseconds else ""
        return Row(self.name, measured, f"{self.cpu_microseconds:.1f}", behind)


def judged(row, target, reached, passes):
    row.target, row.reached = target, reached
    row.verdict = "PASS" if passes else "MISS"
    return row


def table(rows):
    """`None` among the rows draws a line; empty columns are left out."""
    head = ["", "measured: median (range)", "CPU µs", "behind µs", "target", "reached", ""]
    lines = [list(asdict(row).values()) if row else None for row in rows]
    shown = [column for column in range(len(head)) if any(line[column] for line in lines if line)]
    cells = [[line[column] for column in shown] if line else None for line in [head, None, *lines]]
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
