"""The steps of `make bench BENCH="--scale"`, their results and their page."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

import support
from kvbench.options import arguments
from kvbench.scale import sizes
from kvbench.scale.cliffs import cliffs
from kvbench.scale.dimensions import DIMENSIONS

PLACES = ["--binaries", "b", "--results", "r"]


def step(size, put, get=None):
    figures = {
        "per_second": put, "spread": "3 %", "p50_ms": 1.0, "p99_ms": 2.0, "cpu_us": 20.0,
        "behind_us": 0.0, "failed": {},
    }
    works = {"PUT": figures} | ({"GET": figures | {"per_second": get}} if get else {})
    return {"size": size, "works": works, "rss_mib": 25.0}


class Options(unittest.TestCase):
    def refused(self, *words):
        said = io.StringIO()
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(said):
            arguments([*PLACES, *words])
        return said.getvalue()

    def test_only_knows_what_is_measured_at_the_chosen_place(self):
        self.assertEqual(arguments([*PLACES, "--only", "starts,memory"]).only, {"starts", "memory"})
        self.assertIn("not cached", self.refused("--only", "cached"))
        self.assertEqual(arguments([*PLACES, "--cluster", "--only", "cached"]).only, {"cached"})
        self.assertIn("not starts", self.refused("--cluster", "--only", "starts"))
        self.assertEqual(arguments([*PLACES, "--scale", "--only", "keys"]).only, {"keys"})
        self.assertIn("not cached", self.refused("--scale", "--cluster", "--only", "cached"))

    def test_nothing_is_started_for_what_is_not_chosen(self):
        options = arguments([*PLACES, "--all", "--only", "starts"])
        self.assertTrue(options.has_single)
        self.assertFalse(options.has_cluster)

    def test_the_number_of_keys_has_bounds(self):
        self.assertEqual(arguments([*PLACES, "--scale"]).scale_keys, 1_000_000)
        for keys in ("9999", "10000001"):
            self.assertIn("--scale-keys is", self.refused("--scale", "--scale-keys", keys))
        self.assertIn("belong to --scale", self.refused("--scale-keys", "10000"))


class Sizes(unittest.TestCase):
    def test_keys_end_with_the_chosen_number(self):
        self.assertEqual(sizes.keys(10_000, False, 0), [10_000])
        self.assertEqual(sizes.keys(50_000, False, 0), [10_000, 30_000, 50_000])
        self.assertEqual(sizes.keys(10_000_000, False, 0), sizes.KEYS)

    def test_a_cluster_gets_a_million_keys_at_most(self):
        self.assertEqual(sizes.keys(10_000_000, True, 0)[-1], 1_000_000)

    def test_connections_and_watchers_stay_below_the_limit_of_open_files(self):
        self.assertEqual(sizes.connections(0, False, 50_000)[-1], 20_000)
        self.assertEqual(sizes.connections(0, False, 20_000)[-2:], [10_000, 19_500])
        self.assertEqual(sizes.watchers(0, False, 50_000)[-1], 5_000)
        self.assertEqual(sizes.watchers(0, False, 1_500), [0, 10, 100, 500, 1_000])

    def test_bytes_are_told_in_the_largest_unit(self):
        told = [sizes.told_bytes(size) for size in (0, 100, 1024, 65536, 1 << 20)]
        self.assertEqual(told, ["0 B", "100 B", "1 KiB", "64 KiB", "1 MiB"])


class Cliffs(unittest.TestCase):
    def test_less_than_half_of_the_step_before_is_a_cliff(self):
        steps = [step(10_000, 1000), step(30_000, 501), step(100_000, 250)]
        found = cliffs(DIMENSIONS["keys"], steps)
        self.assertEqual(found, ["PUT at 100,000: 250/s, 0.50 × of that at 30,000"])

    def test_larger_values_may_come_less_often_if_their_bytes_do_not(self):
        values = DIMENSIONS["values"]
        self.assertEqual(cliffs(values, [step(1024, 1000), step(4096, 260)]), [])
        self.assertEqual(len(cliffs(values, [step(1024, 1000), step(4096, 120)])), 1)
        self.assertEqual(len(cliffs(values, [step(0, 1000), step(100, 400)])), 1)

    def test_a_step_that_failed_is_left_out(self):
        steps = [step(1, 1000), {"size": 2, "failed": "no answer"}, step(3, 400)]
        self.assertEqual(
            cliffs(DIMENSIONS["keys"], steps), ["PUT at 3: 400/s, 0.40 × of that at 1"])


class Running(unittest.TestCase):
    """bench.py on a real kv-api, with the smallest number of keys."""

    def bench(self, *words):
        folder = support.ROOT / "Benchmarks"
        command = [sys.executable, folder / "bench.py", "--binaries", support.BINARIES]
        command += ["--results", self.results, "--scale", "--quick", "--only", "keys"]
        done = subprocess.run(
            [*command, "--scale-keys", "10000", *words],
            env={**os.environ, "PYTHONPATH": str(support.ROOT / "scripts/python")},
            capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_a_step_is_saved_with_its_page_and_not_measured_again(self):
        self.results = self.enterContext(tempfile.TemporaryDirectory())
        done = self.bench()
        self.assertRegex(done.stdout, r"(?m)^Beside this ran: .* load average [\d.]+ at the start$")
        self.assertRegex(
            done.stdout,
            r"(?m)^one node, 10,000 keys: GET [\d,]+/s, p99 .*; PUT [\d,]+/s, p99 .*MiB$")
        (path,) = Path(self.results).glob("*.json")
        found = json.loads(path.read_text())
        (only,) = found["steps"]
        self.assertEqual([only[name] for name in ("place", "dimension", "size")],
                         ["one node", "keys", 10_000])
        for work in ("GET", "PUT"):
            self.assertGreater(only["works"][work]["per_second"], 0)
            self.assertGreater(only["works"][work]["cpu_us"], 0)
            self.assertEqual(only["works"][work]["failed"], {})
        page = path.with_suffix(".html").read_text()
        pictures = re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL)
        self.assertEqual(len([xml.fromstring(one) for one in pictures if "aria-label" in one]), 4)
        self.assertNotRegex(page, r"<script|<link|src=|url\(")

        again = self.bench("--resume", path)
        self.assertNotIn("round 1/1", again.stderr)
        self.assertEqual(len(json.loads(path.read_text())["beside"]), 2)
