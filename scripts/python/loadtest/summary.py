"""The results: figures of each mode and objectives, as text and as JSON."""

import time
from pathlib import Path

from .measuring import is_expected

MEANINGS = {
    "connect": "connections failed",
    "read": "connections broke while reading",
    "write": "connections broke while writing",
    "timeout": "requests timed out",
    "no answer": "intervals without an answer",
    "unknown status": "above 399, not counted by status",
}


def summarise(measurement, options):
    """The figures of a mode, for JSON."""
    series, at, stall, longest_stall = [], 0.0, 0.0, 0.0
    by = {}
    for interval in measurement.intervals:
        failures = measurement.failures(interval)
        for name, count in failures.items():
            by[name] = by.get(name, 0) + count
        stall = 0.0 if interval.requests else stall + interval.seconds
        longest_stall = max(longest_stall, stall)
        refused = _refused(interval, measurement.mode)
        series.append(
            {
                "at": round(at + interval.seconds / 2, 3),
                "seconds": round(interval.seconds, 3),
                "per_second": round(_rate(interval.requests - refused, interval.seconds), 1),
                "latency_ms": interval.latencies.figures(),
                "errors": sum(failures.values()),
            }
        )
        at += interval.seconds
    succeeded = measurement.requests - sum(
        _refused(interval, measurement.mode) for interval in measurement.intervals
    )
    latency = measurement.latencies.figures()
    # Requests in intervals without any answer are in no histogram.
    latency["max"] = max(latency["max"] or 0, longest_stall * 1000) or None
    summary = {
        "mode": measurement.mode,
        "seconds": round(measurement.seconds, 3),
        "requests": measurement.requests,
        "per_second": round(_rate(succeeded, measurement.seconds), 1),
        "received_bytes_per_second": round(_rate(measurement.bytes, measurement.seconds)),
        "latency_ms": latency,
        "answers": _answers(measurement),
        "errors": {"total": sum(by.values()), "by": dict(sorted(by.items()))},
        "series": series,
    }
    summary["remarks"] = _remarks(summary, longest_stall, options)
    summary["objectives"] = judge(summary, options)
    return summary


def judge(summary, options):
    """The objectives that were set, and one that always holds: that a request succeeds."""
    total, errors = summary["requests"], summary["errors"]["total"]
    p99 = summary["latency_ms"]["p99"]
    found = []

    def objective(what, reached, is_met):
        found.append({"what": what, "reached": reached, "met": bool(is_met)})

    if not summary["per_second"]:
        objective("any request succeeds", "none did", False)
    if options.min_rps is not None:
        rate = summary["per_second"]
        objective(f"at least {options.min_rps:,g} requests/s", f"{rate:,.0f}",
                  rate >= options.min_rps)
    if options.max_p99 is not None:
        reached = milliseconds(p99)
        objective(f"p99 at most {options.max_p99:,g} ms", reached,
                  p99 is not None and p99 <= options.max_p99)
    if options.max_errors is not None:
        share, is_share = float(options.max_errors.rstrip("%")), "%" in options.max_errors
        reached = f"{100 * errors / max(1, total, errors):.3g}%" if is_share else f"{errors:,}"
        limit = max(total, errors) * share / 100 if is_share else share
        objective(f"at most {options.max_errors} errors", reached, errors <= limit)
    return found


def document(summaries, options, machine):
    """All results, for JSON, without the token."""
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "url": options.url,
        "users": options.users,
        "keys": options.keys,
        "value_bytes": options.value_size,
        "distribution": options.distribution,
        "asynchronous": options.queued,
        "seconds_of_each_mode": options.duration,
        "generator": machine,
        "met": all(o["met"] for s in summaries for o in s["objectives"]),
        "modes": summaries,
    }


def text(found):
    """A table, and remarks below it."""
    columns = "{:<8}{:>12}{:>11}{:>11}{:>11}{:>11}{:>13}{:>10}"
    lines = [columns.format("", "requests/s", "p50", "p95", "p99", "max", "requests", "errors")]
    for mode in found["modes"]:
        times = [milliseconds(mode["latency_ms"][name]) for name in ("p50", "p95", "p99", "max")]
        lines.append(columns.format(
            mode["mode"], f"{mode['per_second']:,.0f}", *times, f"{mode['requests']:,}",
            f"{mode['errors']['total']:,}"))
    for mode in found["modes"]:
        name = mode["mode"]
        if mode["answers"]:
            lines.append(f"{name}: answers {counts(mode['answers'])}")
        if mode["errors"]["by"]:
            lines.append(f"{name}: errors {counts(mode['errors']['by'])}")
        lines += [f"{name}: {remark}" for remark in mode["remarks"]]
        for objective in mode["objectives"]:
            verdict = "met" if objective["met"] else "MISSED"
            lines.append(f"{name}: {objective['what']}: {verdict} ({objective['reached']})")
    return "\n".join(lines)


def counts(by):
    """As in `200: 1,000, 503: 3 connections failed`."""
    return ", ".join(
        f"{name}: {count:,}" if name.isdigit() else f"{count:,} {MEANINGS[name]}"
        for name, count in by.items()
    )


def milliseconds(number):
    """With three significant digits."""
    if number is None:
        return "–"
    if number >= 10_000:
        return f"{number / 1000:,.1f} s"
    return f"{number:.0f} ms" if number >= 100 else f"{number:.3g} ms"


def path_of(found, folder, ending):
    """The path of a result, with its time in the name."""
    mode = "all" if len(found["modes"]) > 1 else found["modes"][0]["mode"]
    stamp = found["made"].replace("-", "").replace(":", "")
    return Path(folder) / f"{stamp}-{mode}.{ending}"


def _answers(measurement):
    """Answers by status; empty if they were not counted in every interval."""
    answered = [interval for interval in measurement.intervals if interval.requests]
    if not all(interval.statuses for interval in answered):
        return {}
    return {str(status): count for status, count in sorted(measurement.statuses.items())}


def _refused(interval, mode):
    """Answers above 399 that are errors."""
    expected = sum(
        count for status, count in interval.statuses.items() if is_expected(mode, status))
    return max(0, interval.errors["status"] - expected)


def _remarks(summary, stall, options):
    by, answers = summary["errors"]["by"], summary["answers"]
    found = []
    if by.get("429"):
        found.append(
            f"{by['429']:,} requests were answered 429: a rate limit in front of the store "
            "(Nginx's limit_req) refused them, so these figures describe that limit. Lift it "
            "for this address, or send less"
        )
    if answers.get("202") and not options.queued:
        found.append(
            f"{answers['202']:,} writes were answered 202: queued, as the database was not reached"
        )
    if answers.get("404"):
        found.append(
            f"{answers['404']:,} answers were 404, for keys that had been deleted: no errors")
    if by.get("401") or by.get("403"):
        found.append("the token was refused (401, 403): --token-file, or KV_TOKEN")
    if stall:
        found.append(f"for {stall:.0f} s nothing was answered at all")
    return found


def _rate(count, seconds):
    return count / seconds if seconds else 0.0
