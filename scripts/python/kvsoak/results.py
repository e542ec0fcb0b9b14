"""The results: a document that is saved again and again, so that an interruption leaves figures."""

import json
import os
import platform
import time

from . import page
from .explaining import explain
from .judging import SECONDS_MIN, Verdict, verdicts

UNEXPLAINED_MAX = 1000
DRAIN_SECONDS = 60


class Results:
    """Of one run; its files are named after its begin."""

    def __init__(self, folder, options, database):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        folder.mkdir(parents=True, exist_ok=True)
        self.json = folder / f"{stamp}-soak.json"
        self.page = folder / f"{stamp}-soak.html"
        self.document = {
            "made": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
            "database": database,
            "seed": options.seed,
            "asked_seconds": options.seconds,
            "rate": options.rate,
            "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}",
        }

    def update(self, sampler, tally, seconds, drained=None, is_over=False):
        """The document as of now."""
        explanation = explain(tally.failures, sampler.happenings)
        happenings = sorted(sampler.happenings, key=lambda one: one.begin)
        self.document |= {
            "seconds": round(seconds, 1),
            "is_over": is_over,
            "requests": tally.total,
            "events": [happening.document() for happening in happenings],
            "samples": sampler.samples,
            "failures_not_kept": tally.beyond,
            **explanation.document(),
        }
        del self.document["unexplained"][UNEXPLAINED_MAX:]
        self.document["unexplained_total"] = len(explanation.unexplained) + tally.beyond
        found = [*self._whole(drained), *verdicts(self.document)]
        self.document["verdicts"] = [verdict.document() for verdict in found]
        self.document["is_good"] = all(verdict.is_good is not False for verdict in found)

    def _whole(self, drained):
        """The verdicts about the run as a whole."""
        document = self.document
        count = document["unexplained_total"]
        yield Verdict("unexplained errors", "none", None, count, "", count == 0)
        changes = [one["detail"].split() for one in document["events"]
                   if one["name"] == "autoscaler"]
        up = sum(int(words[-1]) > int(words[-3]) for words in changes)
        is_long = document["seconds"] >= SECONDS_MIN
        is_good = 0 < up < len(changes) if is_long else None
        what = "the autoscaler adds and removes nodes"
        yield Verdict(what, "times", up, len(changes) - up, "", is_good)
        remedies = sum(one["name"] == "remedy" for one in document["events"])
        what = "remedies for the stream of changes"
        yield Verdict(what, "times", None, remedies, "", None if remedies else True)
        if document["is_over"]:
            what = "outbox and queue are empty after the end"
            how = f"within {DRAIN_SECONDS} s"
            yield Verdict(what, how, None, drained, "s", drained is not None)

    def save(self, with_page=True):
        """Replaces the files."""
        _replace(self.json, json.dumps(self.document, separators=(",", ":")) + "\n")
        if with_page:
            _replace(self.page, page.html(self.document))


def _replace(path, text):
    """An interruption leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
