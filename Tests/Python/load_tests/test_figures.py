"""Figures and charts, without a server."""

import collections
import re
import unittest
import xml.etree.ElementTree as xml

from loadtest import charts, options, summary
from loadtest.generator import Interval, parse
from loadtest.latencies import Latencies
from loadtest.measuring import Measurement


def interval(requests=100, seconds=1.0, took=1000, statuses=(), errors=()):
    return Interval(
        seconds=seconds,
        requests=requests,
        latencies=Latencies({took: requests} if requests else {}),
        statuses=collections.Counter(dict(statuses)),
        errors=collections.Counter(dict(errors)),
    )


def summarised(mode, *intervals, words=()):
    return summary.summarise(Measurement(mode, list(intervals)), options.read([mode, *words]))


class Histograms(unittest.TestCase):
    def test_a_percentile_is_the_smallest_value_that_its_share_of_requests_does_not_exceed(self):
        times = Latencies({1000 * number: 1 for number in range(1, 101)})
        self.assertEqual(times.figures(), {"p50": 50, "p95": 95, "p99": 99, "max": 100})

    def test_one_request_is_every_percentile(self):
        self.assertEqual(set(Latencies({250: 1}).figures().values()), {0.25})

    def test_no_requests_have_no_percentiles(self):
        self.assertEqual(set(Latencies().figures().values()), {None})

    def test_histograms_are_added_by_their_counts(self):
        slow = Latencies({9000: 1})
        slow.add(Latencies({1000: 98, 9000: 1}))
        self.assertEqual((slow.percentile(98), slow.percentile(99)), (1, 9))

    def test_the_output_of_the_lua_script_is_read(self):
        read = parse("seconds 2.5\nrequests 3\nbytes 90\nerror status 1\nstatus 200 2\n"
                     "status 503 1\nstatus 200 4\nlatency 700 3\n")
        self.assertEqual((read.seconds, read.requests, read.bytes), (2.5, 3, 90))
        self.assertEqual(dict(read.statuses), {200: 6, 503: 1})
        self.assertEqual(read.errors["status"], 1)
        self.assertEqual(read.latencies.max, 0.7)


class Summaries(unittest.TestCase):
    def test_only_answers_without_an_error_count_as_throughput(self):
        found = summarised(
            "put", interval(100, 2.0, statuses={200: 60, 503: 40}, errors={"status": 40}))
        self.assertEqual(found["per_second"], 30)
        self.assertEqual(found["errors"], {"total": 40, "by": {"503": 40}})

    def test_a_deleted_key_is_no_error_in_modes_that_delete(self):
        for mode, errors in (("mixed", 0), ("delete", 0), ("put", 10)):
            found = summarised(
                mode, interval(100, statuses={200: 90, 404: 10}, errors={"status": 10}))
            self.assertEqual(found["errors"]["total"], errors, mode)

    def test_errors_of_unknown_status_are_still_counted(self):
        found = summarised("get", interval(100, errors={"status": 7}))
        self.assertEqual(found["errors"]["by"], {"unknown status": 7})
        self.assertEqual(found["answers"], {})

    def test_a_rate_limit_is_named(self):
        found = summarised(
            "get", interval(100, statuses={200: 10, 429: 90}, errors={"status": 90}))
        self.assertRegex(found["remarks"][0], r"90 requests were answered 429: a rate limit")

    def test_a_hang_longer_than_an_interval_is_the_longest_latency(self):
        found = summarised("put", interval(), interval(0), interval(0), interval())
        self.assertEqual(found["latency_ms"]["max"], 2000)
        self.assertEqual(found["errors"]["by"], {"no answer": 2})
        self.assertIn("for 2 s nothing was answered at all", found["remarks"])

    def test_objectives_are_met_or_missed(self):
        bad = interval(1000, took=5000, statuses={200: 990, 503: 10}, errors={"status": 10})
        for words, met in (
            (["--min-rps", "990"], True),
            (["--min-rps", "991"], False),
            (["--max-p99", "5"], True),
            (["--max-p99", "4.9"], False),
            (["--max-errors", "10"], True),
            (["--max-errors", "9"], False),
            (["--max-errors", "1%"], True),
            (["--max-errors", "0.9%"], False),
            (["--max-errors", "0"], False),
        ):
            found = summarised("put", bad, words=words)
            self.assertEqual([o["met"] for o in found["objectives"]], [met], words)

    def test_a_run_without_a_single_success_has_failed(self):
        found = summarised("get", interval(9, statuses={503: 9}, errors={"status": 9}))
        self.assertEqual([o["met"] for o in found["objectives"]], [False])


class Charts(unittest.TestCase):
    def svg(self, values, **more):
        lines = [charts.Line("p50", "p50", values), charts.Line("max", "max", values)]
        axis = charts.seconds(len(values))
        chart = charts.Chart("t", "ms", list(range(len(values))), lines, axis, **more)
        return xml.fromstring(chart.svg())

    def test_all_points_are_inside_the_chart(self):
        for values in ([1, 2, 3], [0, 0], [5], [0.004, 90000.0], [1e6, 3e6], [None, 4, None]):
            for scale in (False, True):
                if scale and 0 in values:
                    continue
                picture = self.svg(values, is_logarithmic=scale)
                for point in picture.iter("circle"):
                    self.assertTrue(0 <= float(point.get("cy")) <= charts.HEIGHT, values)
                    self.assertTrue(0 <= float(point.get("cx")) <= charts.WIDTH, values)

    def test_a_gap_divides_a_line(self):
        picture = self.svg([1, 2, None, 3, 4])
        strokes = [line.get("points").split() for line in picture.iter("polyline")]
        self.assertEqual([len(points) for points in strokes], [2, 2, 2, 2])

    def test_steps_have_the_same_distance_and_their_own_texts(self):
        axis = charts.steps("bytes of a value", ["0 B", "1 KiB", "1 MiB"])
        chart = charts.Chart("t", "ms", [0, 1, 2], [charts.Line("GET", "get", [1, 2, 3])], axis)
        picture = xml.fromstring(chart.svg())
        places = [float(point.get("cx")) for point in picture.iter("circle")]
        self.assertAlmostEqual(places[2] - places[1], places[1] - places[0])
        texts = [text.text for text in picture.iter("text")]
        self.assertLess(texts.index("0 B"), texts.index("1 MiB"))
        self.assertEqual([title.text for title in picture.iter("title")][1], "GET: 2 ms, 1 KiB")

    def test_ticks_are_round_and_cover_all_values(self):
        for high in (0.37, 1, 7, 99, 101, 134_500):
            low, top, ticks = charts._linear([high])
            self.assertGreaterEqual(top, high)
            self.assertLessEqual(len(ticks), 6)
            self.assertEqual((low, ticks[0]), (0, 0))
            self.assertTrue(all(re.fullmatch(r"[125]0*", f"{t:.9g}".replace(".", "").lstrip("0"))
                                for t in ticks[1:2]), ticks)
