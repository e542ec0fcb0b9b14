"""The page of plots: one file, with the events as vertical lines."""

from html import escape

from loadtest.charts import Chart, Line, seconds
from loadtest.page import figure, framed

from .families import kind_of
from .judging import KINDS, MIB, number

# Points of a line; more are put together.
POINTS_MAX = 240
STYLES = ["rate", "p95", "p99", "max", "error"]
TITLE = "Soak: mixed load, restarts, failovers, autoscaling"
NOTES = """\
<p>Each vertical line is an event; its name is shown on the line. A verdict compares the median of
the second sixth of the run with that of its last sixth. Processes that restart begin anew: those of
the same age are compared, and each long life within itself. Records of queued writes and the stream
of changes are kept for a day, and grow with the writes: judged is what each write takes. The load
waits for an answer before it sends the next request on a connection, so a slow store is asked less.
Memory is the resident set; that of PostgreSQL and Nginx, whose processes share it, the proportional
one.</p>"""


def html(document):
    """The page for a document of results."""
    if not document["samples"]:
        return framed(TITLE, "<p>There are no samples.</p>", "", NOTES)
    plots = Plots(document)
    sections = [
        _section("Verdicts", _verdicts(document)),
        _section("Errors", _errors(document)),
        _section("Events", _events(document)),
        _section("Load", plots.load()),
        _section("Queue, outbox and watchers", plots.metrics()),
        _section("Disk", Plots(document, "disk").disk()),
        *(_section(kind, plots.processes(kind)) for kind in KINDS),
    ]
    return framed(TITLE, _head(document), "\n".join(sections), NOTES)


def _section(title, text):
    return f"<section><h2>{escape(title)}</h2>{text}</section>" if text else ""


def _head(document):
    said = (
        f"{document['made']}, {document['seconds']:,.0f} s of {document['asked_seconds']:,.0f} s, "
        f"{document['database']}, seed {document['seed']}, {document['requests']:,} requests, at "
        f"most {document['rate']:,.0f} a second; {document['machine']}."
    )
    words = ("met", "Everything is flat, and no error is unexplained.")
    if not document["is_good"]:
        words = ("missed", "Not all is well.")
    return (
        f"<p>{escape(said)}</p>"
        f"<ul class='objectives'><li class='{words[0]}'><b>{words[0]}</b> {words[1]}</li></ul>"
    )


def _table(heads, rows):
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>"
        f"{''.join(f'<td>{escape(str(cell))}</td>' for cell in row[1:])}</tr>\n"
        for row in rows
    )
    return (
        f"<div class='wide'><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
        "</div>"
    )


def told(verdict):
    """What a verdict says of `is_good`."""
    return {True: "good", False: "BAD", None: "not judged"}[verdict["is_good"]]


def _verdicts(document):
    rows = [
        [
            one["what"],
            told(one),
            number(one["before"], one["unit"]),
            number(one["after"], one["unit"]),
            one["how"],
        ]
        for one in document["verdicts"]
    ]
    return _table(["", "verdict", "second sixth", "last sixth", "compared"], rows)


def _errors(document):
    text = f"<p>Unexplained: {document['unexplained_total']:,}.</p>"
    if document["unexplained"]:
        rows = [
            [f"{one['begin']:.1f} to {one['end']:.1f} s", one["where"], one["what"], one["text"]]
            for one in document["unexplained"][:50]
        ]
        text += _table(["when", "request", "what", "answer"], rows)
    if document["explained"]:
        rows = [[one["event"], one["rule"], one["what"], f"{one['count']:,}"]
                for one in document["explained"]]
        text += _table(["event", "explained because", "what", "count"], rows)
    if logged := document.get("logged"):
        said = ", ".join(f"{count:,} {level}" for level, count in sorted(logged["levels"].items()))
        text += f"<p>Lines that kv-api, kv-worker and kv-autoscaler logged: {escape(said)}.</p>"
        text += "".join(f"<p><code>{escape(line)}</code></p>" for line in logged["errors"])
    return text


def _events(document):
    rows = [
        [one["title"], one["detail"], f"{one['begin']:.0f} s",
         "–" if one["end"] is None else f"{one['end']:.0f} s"]
        for one in document["events"]
    ]
    return _table(["", "", "begin", "end"], rows)


class Plots:
    """The figures of a run as charts; with a part's name, of those samples that have this part."""

    def __init__(self, document, part=None):
        samples = document["samples"]
        self._samples = [one for one in samples if part is None or part in one] or samples[-1:]
        size = -(-len(self._samples) // POINTS_MAX)
        self._groups = [
            self._samples[start : start + size] for start in range(0, len(self._samples), size)
        ]
        self._places = [group[-1]["at"] for group in self._groups]
        self._axis = seconds(max(document["seconds"], self._places[-1]))
        self._marks = [(one["begin"], f"{one['title']} {one['detail']}")
                       for one in document["events"]]

    def _chart(self, title, unit, lines, is_logarithmic=False):
        known = [line for line in lines if any(value is not None for value in line.values)]
        if not known:
            return ""
        chart = Chart(title, unit, self._places, known, self._axis, is_logarithmic,
                      marks=self._marks, has_points=False)
        return figure(title, chart)

    def _values(self, get, together=max):
        """A value for each group of samples; None if no sample has it."""
        found = []
        for group in self._groups:
            known = [value for value in map(get, group) if value is not None]
            found.append(together(known) if known else None)
        return found

    def load(self):
        def rate(name):
            return lambda one: one["load"][name] / one["seconds"] if one["seconds"] else None

        lines = [
            Line("answered", "rate", self._values(rate("requests"), _mean)),
            Line("failed", "error", self._values(rate("failed"))),
        ]
        parts = [self._chart("Load, requests/s", "requests/s", lines)]
        for kind in ("read", "write"):
            lines = [
                Line(name, name, self._values(lambda one: one["load"]["latency_ms"][kind][name]))
                for name in ("p50", "p99")
            ]
            title = f"Latency of a {kind}, milliseconds, logarithmic scale"
            parts.append(self._chart(title, "ms", lines, True))
        names = list(self._samples[-1].get("replicas", {}))
        lines = [
            Line(name, style, self._values(lambda one: one.get("replicas", {}).get(name)))
            for name, style in zip(names, STYLES)
        ]
        parts.append(self._chart("Number of nodes", "nodes", lines))
        average = self._values(lambda one: one["machine"]["load average"], _mean)
        parts.append(self._chart("Load average of the machine", "", [Line("", "rate", average)]))
        return "".join(parts)

    def _group_of_lines(self, group, scale=1):
        """A chart for each name in a group of the samples."""
        names = dict.fromkeys(name for one in self._samples for name in one.get(group, {}))
        for name in names:
            values = self._values(lambda one: one.get(group, {}).get(name))
            yield name, [None if value is None else value / scale for value in values]

    def metrics(self):
        return "".join(
            self._chart(name, "", [Line(name, "rate", values)])
            for name, values in self._group_of_lines("metrics")
        )

    def disk(self):
        counts = {"writes"} | {name for one in self._samples for name in one.get("disk", {})
                               if name.endswith(" count")}
        return "".join(
            self._chart(name, "" if name in counts else "MiB", [
                Line(name, "rate", values if name in counts
                     else [None if value is None else value / MIB for value in values])])
            for name, values in self._group_of_lines("disk")
        )

    def processes(self, kind):
        """Memory, descriptors, threads and processor time of a kind's services."""
        names = sorted({name for one in self._samples for name in one.get("processes", {})
                        if kind_of(name) == kind})
        parts = []
        for quantity, unit, scale in (("memory", "MiB", MIB), ("descriptors", "", 1),
                                      ("threads", "", 1)):
            lines = [
                Line(name, STYLES[place % len(STYLES)], self._values(
                    lambda one: _scaled(one.get("processes", {}).get(name), quantity, scale)))
                for place, name in enumerate(names)
            ]
            parts.append(self._chart(f"{kind}: {quantity}", unit, lines))
        lines = [Line(name, STYLES[place % len(STYLES)], self._cpu(name))
                 for place, name in enumerate(names)]
        parts.append(self._chart(f"{kind}: percent of a core", "%", lines))
        return "".join(parts)

    def _cpu(self, name):
        """From each group of samples to the next."""
        found, last = [], None
        for group in self._groups:
            one = group[-1].get("processes", {}).get(name)
            at = group[-1]["at"]
            share = None
            if one and last and one["pid"] == last[1]["pid"] and at > last[0]:
                share = max(0, one["cpu"] - last[1]["cpu"]) / (at - last[0]) * 100
            found.append(share)
            last = (at, one) if one else None
        return found


def _scaled(figures, quantity, scale):
    return None if figures is None else figures[quantity] / scale


def _mean(values):
    return sum(values) / len(values)
