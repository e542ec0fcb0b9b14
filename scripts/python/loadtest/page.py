"""The results as one self-contained HTML page: no script, no font, no network."""

from html import escape
from pathlib import Path

from .charts import Chart, Line, seconds
from .summary import counts, milliseconds

STYLE = Path(__file__).with_name("page.css")
NOTES = """\
<p>Requests/s counts answers without an error. Each user waits for an answer before sending the next
request, so a slow store is asked less; percentiles are corrected for that, as wrk does it
(coordinated omission). Each point is one run of wrk. What was under way when a run ended is in no
figure.</p>"""


def html(found):
    """The page for a document of results."""
    modes = found["modes"]
    title = f"Load test: {', '.join(mode['mode'] for mode in modes)}"
    head = f"<p>{escape(_conditions(found))}</p>\n{_verdict(found)}"
    main = f"{_table(modes)}\n{''.join(map(_section, modes))}"
    return framed(title, head, main, NOTES)


def framed(title, head, main, notes):
    """A page with these parts, as HTML. `make bench` has one, too."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{head}
</header>
<main>
{main}
</main>
<footer>
{notes}
</footer>
</body>
</html>
"""


def _conditions(found):
    made = found["made"].replace("T", " ").replace("Z", " UTC")
    machine = found["generator"]
    return (
        f"{found['url']}, {made}. {found['users']:,} users, {found['keys']:,} keys "
        f"({found['distribution']}), values of {found['value_bytes']:,} bytes, "
        f"{'writes queued, ' if found['asynchronous'] else ''}"
        f"{found['seconds_of_each_mode']:,} s of each mode after a warm-up. Sent by "
        f"{machine['program']} with {machine['threads']} threads on {machine['cores']} cores, "
        f"{machine['system']}."
    )


def _verdict(found):
    objectives = [
        (mode["mode"], objective) for mode in found["modes"] for objective in mode["objectives"]
    ]
    rows = [
        f'<li class="{"met" if one["met"] else "missed"}">'
        f'<b>{"met" if one["met"] else "missed"}</b> {escape(mode)}: {escape(one["what"])} '
        f'({escape(one["reached"])})</li>'
        for mode, one in objectives
    ]
    return f'<ul class="objectives">{"".join(rows)}</ul>' if rows else ""


def _table(modes):
    rows = "".join(
        f"<tr><th scope='row'>{escape(mode['mode'])}</th><td>{mode['per_second']:,.0f}</td>"
        + "".join(
            f"<td>{milliseconds(mode['latency_ms'][name])}</td>"
            for name in ("p50", "p95", "p99", "max"))
        + f"<td>{mode['requests']:,}</td><td>{mode['errors']['total']:,}</td></tr>\n"
        for mode in modes
    )
    heads = ["requests/s", "p50", "p95", "p99", "max", "requests", "errors"]
    return (
        "<div class='wide'><table><thead><tr><td></td>"
        + "".join(f"<th scope='col'>{head}</th>" for head in heads)
        + f"</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _section(mode):
    axis = seconds(mode["seconds"])
    moments = [point["at"] for point in mode["series"]]
    rate = [Line("answered", "rate", [point["per_second"] for point in mode["series"]])]
    if mode["errors"]["total"]:
        errors = [point["errors"] / point["seconds"] for point in mode["series"]]
        rate.append(Line("errors", "error", errors))
    times = [
        Line(name, name, [point["latency_ms"][name] for point in mode["series"]])
        for name in ("p50", "p95", "p99", "max")
    ]
    charts = [
        Chart(f"{mode['mode']}: requests/s", "requests/s", moments, rate, axis),
        Chart(f"{mode['mode']}: latency", "ms", moments, times, axis, True),
    ]
    notes = [f"Answers by status: {counts(mode['answers'])}."] if mode["answers"] else []
    if mode["errors"]["by"]:
        notes.append(f"Errors: {counts(mode['errors']['by'])}.")
    notes += [f"{remark[0].upper()}{remark[1:]}." for remark in mode["remarks"]]
    captions = ("Throughput, requests/s", "Latency, milliseconds, logarithmic scale")
    figures = "".join(map(figure, captions, charts))
    return (
        f"<section><h2>{escape(mode['mode'])}</h2>{figures}"
        f"{''.join(f'<p>{escape(note)}</p>' for note in notes)}</section>\n"
    )


def figure(caption, chart):
    """A chart with its caption and its legend, as HTML."""
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>{chart.legend()}{chart.svg()}</figure>"
    )
