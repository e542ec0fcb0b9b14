"""The page, and what a run asks."""

import collections
import random
import re
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from kvsoak import logs, mix, page
from kvsoak.judging import verdicts
from kvsoak.scraping import values
from kvsoak.sizes import put_together
from kvsoak.tally import Tally
from kvsoak.waves import Waves
from soak.runs import document, sample


class Page(unittest.TestCase):
    def page(self, found):
        found["verdicts"] = [one.document() for one in verdicts(found)]
        return page.html(found)

    def test_each_chart_has_its_lines_and_each_event_as_one(self):
        found = document()
        # Folders are looked at less often than processes.
        for place, one in enumerate(found["samples"]):
            if place % 4:
                del one["disk"]
        text = self.page(found)
        charts = re.findall(r"<figure>.*?(<svg viewBox=\"0 0 760.*?</svg>)</figure>", text, re.S)
        self.assertGreater(len(charts), 20)
        for chart in charts:
            root = xml.fromstring(chart)
            marks = [one for one in root.iter("line") if one.get("class") == "mark"]
            self.assertEqual(len(marks), 1)
            lengths = [len(one.get("points").split()) for one in root.iter("polyline")]
            self.assertGreater(max(lengths), 100, root.get("aria-label"))
            self.assertIn("the master <crashes> redis-1", marks[0].find("title").text)

    def test_the_page_needs_nothing_else_and_stays_small(self):
        text = self.page(document())
        self.assertNotRegex(text, r"<script|<link|src=|url\(|https?://")
        self.assertLess(len(text), 2_000_000)

    def test_what_comes_from_outside_is_escaped(self):
        found = document(60)
        found["unexplained"] = [{"begin": 1.0, "end": 2.0, "where": "put", "what": "500 <b>",
                                 "text": "<script>"}]
        text = self.page(found)
        self.assertIn("500 &lt;b&gt;", text)
        self.assertNotIn("<script>", text)

    def test_errors_in_logs_are_told(self):
        with tempfile.TemporaryDirectory(prefix="kv-soak-") as folder:
            Path(folder, "kv-api-1.log").write_text(
                '{"level": "info"}\n{"level": "error", "message": "<no>"}\nFatal error\n')
            Path(folder, "redis-1.log").write_text("error\n")
            found = document(60) | {"logged": logs.told(Path(folder))}
        self.assertEqual(found["logged"]["levels"], {"info": 1, "error": 2})
        text = self.page(found)
        self.assertIn("2 error, 1 info", text)
        self.assertIn("kv-api-1: Fatal error", text)
        self.assertIn("&lt;no&gt;", text)

    def test_a_run_that_ended_early_has_a_page(self):
        for samples in ([], [sample(5)], [sample(5), {**sample(10), "processes": {}}]):
            found = document(60)
            found["samples"] = samples
            self.assertIn("<h1>", self.page(found))


class Requests(unittest.TestCase):
    def test_all_kinds_are_asked_on_a_bounded_number_of_keys(self):
        dice, kinds, paths = random.Random(1), collections.Counter(), set()
        for _ in range(60_000):
            request = mix.choose(dice)
            kinds[request.kind] += 1
            paths.add(request.path.partition("?")[0])
        self.assertEqual(set(kinds), set(mix.KINDS))
        self.assertLessEqual(len(paths), mix.KEYS + mix.COUNTERS + mix.SHORT_LIVED + 1)
        self.assertGreater(kinds["get"], kinds["put"])

    def test_the_load_rises_and_falls_twice_in_a_sixth_of_an_hour(self):
        waves = Waves.of(3600, 300)
        self.assertEqual(waves.seconds, 300)
        self.assertAlmostEqual(waves.rate(0), 60)
        self.assertAlmostEqual(waves.rate(150), 300)
        self.assertAlmostEqual(waves.rate(300), 60)

    def test_each_sixth_of_any_run_has_whole_waves(self):
        for seconds in (600, 1800, 2000, 7200):
            waves = Waves.of(seconds, 300)
            self.assertLessEqual(waves.seconds, 300)
            self.assertAlmostEqual(seconds / 6 % waves.seconds, 0)
        self.assertEqual(Waves.of(90, 300).seconds, 60)

    def test_an_interval_begins_without_the_answers_before_it(self):
        tally, request = Tally(), mix.choose(random.Random(1))
        tally.add(request, 200, 0.002)
        first, second = tally.take(), tally.take()
        self.assertEqual((first["requests"], second["requests"], tally.total), (1, 0, 1))
        kind = "read" if request.is_read else "write"
        self.assertEqual(first["latency_ms"][kind]["p99"], 2.0)
        self.assertIsNone(second["latency_ms"][kind]["p99"])


class Figures(unittest.TestCase):
    def test_metrics_are_added_over_their_labels(self):
        text = '# HELP a b\na{x="1"} 2\na{x="2"} 3.5\nb 7\n'
        self.assertEqual(values(text), {"a": 5.5, "b": 7.0})

    def test_tables_that_keep_rows_for_a_day_stay_apart(self):
        found = put_together({"entries": 10, "outbox": 5, "operations": 90, "outbox count": 0})
        self.assertEqual(found, {"tables": 15, "operations": 90, "outbox count": 0})


if __name__ == "__main__":
    unittest.main()
