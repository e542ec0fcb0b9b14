"""The page: a section with plots for each dimension at each place, and all figures below them."""

from html import escape

from loadtest.charts import Chart, Line, steps
from loadtest.page import figure, framed
from loadtest.summary import milliseconds

from ..load import told
from .cliffs import cliffs

COSTS = ("cpu_us", "behind_us")
TITLE = "What a request costs as work grows"
NOTES = """\
<p>Each figure is the median of its rounds, which alternate between the kinds of requests; the
spread of the rounds says how far to trust it. Failed requests do not count in a rate. The processor
time is that of kv-api, behind it that of the other services. The memory is the most that kv-api had
during the step. The steps of a chart have the same distance, whatever their sizes are.</p>"""


def html(results):
    """The page for `Results`."""
    document = results.document
    lines = [run["line"] for run in document["beside"] if run]
    lines.append(
        f"{document['machine']}; rounds of {document['seconds']} s: {document['rounds']}"
    )
    head = "\n".join(f"<p>{escape(line)}.</p>" for line in lines)
    sections = [_section(*section) for section in results.sections()]
    return framed(TITLE, head, "".join(sections), NOTES)


def _section(place, dimension, all_steps):
    measured = [step for step in all_steps if "works" in step]
    notes = [dimension.what]
    notes += [f"{cliff}." for cliff in cliffs(dimension, measured)]
    for step in all_steps:
        at = f"{dimension.told(step['size'])} {dimension.unit}"
        if "failed" in step:
            notes.append(f"Not measured with {at}: {step['failed']}.")
        for name, work in step.get("works", {}).items():
            if work["failed"]:
                notes.append(f"Failed with {at}, {name}: {told(work['failed'])}.")
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    plots = "".join(_figures(dimension, measured)) if measured else ""
    title = escape(f"{dimension.name.capitalize()}, {place}")
    return f"<section><h2>{title}</h2>{said}{plots}{_table(dimension, measured)}</section>\n"


def _figures(dimension, measured):
    names = list(dict.fromkeys(name for step in measured for name in step["works"]))
    axis = steps(dimension.name, [dimension.told(step["size"]) for step in measured])

    def line(name, field, label="", style=""):
        values = [step["works"].get(name, {}).get(field) for step in measured]
        return Line(f"{name} {label}".strip(), f"{name.lower()} {style}".strip(), values)

    def chart(caption, unit, lines, is_logarithmic=False):
        # A logarithm has no place for what did not succeed once.
        known = [one for one in lines if any(one.values)]
        places = list(range(len(measured)))
        title = f"{dimension.name}: {caption}"
        return figure(caption, Chart(title, unit, places, known, axis, is_logarithmic))

    yield chart("Throughput", "requests/s", [line(name, "per_second") for name in names])
    latencies = [
        line(name, field, field.removesuffix("_ms"), style)
        for name in names
        for field, style in (("p50_ms", ""), ("p99_ms", "tail"))
    ]
    yield chart("Latency, milliseconds, logarithmic scale", "ms", latencies, True)
    costs = [
        line(name, field, *how)
        for name in names
        for field, how in zip(COSTS, ((), ("behind", "tail")))
    ]
    yield chart("Processor time of a request, µs, logarithmic scale", "µs", costs, True)
    memory = Line("kv-api", "rate", [step["rss_mib"] for step in measured])
    yield chart("Memory of kv-api", "MiB", [memory])


def _table(dimension, measured):
    heads = ["", "a second", "spread", "p50", "p99", "CPU µs", "behind µs", "MiB"]
    rows = []
    for step in measured:
        for name, work in step["works"].items():
            cells = [
                name,
                f"{work['per_second']:,.0f}",
                work["spread"],
                milliseconds(work["p50_ms"]),
                milliseconds(work["p99_ms"]),
                *(f"{work[cost]:.1f}" if work.get(cost) else "" for cost in COSTS),
                f"{step['rss_mib']:.0f}",
            ]
            rows.append((dimension.told(step["size"]), cells))
    if not rows:
        return ""
    head = "".join(f"<th scope='col'>{text}</th>" for text in heads)
    body = "".join(
        f"<tr><th scope='row'>{size}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
        for size, cells in rows
    )
    return (
        f"<div class='wide'><table><thead><tr><td></td>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )
