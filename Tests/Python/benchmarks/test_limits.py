"""What `make bench BENCH="--limits"` counts, on a real kv-api."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import support
from kvbench.limits import MEASURES, normal, open_loop, overload
from kvbench.limits.abuse import get
from kvbench.load import Run
from kvbench.options import arguments
from loadtest.latencies import Latencies
from support.client import Client
from support.server import Server

PLACES = ["--binaries", "b", "--results", "r", "--limits"]
GET = b"GET /kv/open@ HTTP/1.1\r\nHost: localhost\r\n\r\n"


def compiled(folder, name):
    program = os.path.join(folder, name)
    source = support.ROOT / f"Benchmarks/{name}.c"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run(["clang", *flags, "-o", program, source], check=True)
    return program


class OpenLoop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.program = compiled(folder, "open_loop")

    def run_at(self, server, rate, connections=50, request=GET, keys=10):
        return open_loop.run(self.program, server.port, request, rate, 1, connections, keys)

    def check_sum(self, all_):
        """Whatever was due was sent or left out, and what was sent has one end."""
        left_out = all_["busy"] + all_["late"] + all_["unconnected"]
        self.assertEqual(all_["due"], all_["sent"] + left_out, all_)
        answers = sum(all_["statuses"].values())
        self.assertEqual(all_["sent"], answers + all_["broken"] + all_["unanswered"], all_)

    def test_each_request_that_is_due_is_counted_once(self):
        with Server() as server:
            client = Client([server.port])
            self.addCleanup(client.close)
            for number in range(1, 6):
                client.put(f"open{number}", "value")
            report = self.run_at(server, 400)
            self.assertEqual(report.all["due"], 400)
            self.check_sum(report.all)
            statuses = report.all["statuses"]
            # Half of the numbers are keys. What was left out may have been any of them.
            self.assertLessEqual(abs(statuses["200"] - 200), 400 - report.all["sent"] + 1)
            self.assertEqual(set(statuses), {"200", "404"})
            self.assertEqual(report.all["accepted"], statuses["200"])
            self.assertEqual(report.unexpected, {"status 404": statuses["404"]})
            self.assertEqual(report.all["refused"], 0)

    def test_a_refusal_is_no_answer_that_was_accepted(self):
        with Server(KV_MAX_CONNECTIONS="1") as server:
            # Takes the only place.
            client = Client([server.port])
            self.addCleanup(client.close)
            self.assertEqual(client.put("open1", "value").status, 201)
            report = self.run_at(server, 300)
            self.check_sum(report.all)
            self.assertEqual(report.all["accepted"], 0)
            self.assertGreater(report.all["refused"], 0)
            self.assertEqual(report.all["refused"], report.all["statuses"]["503"])
            self.assertEqual(report.all["refused_without_retry_after"], 0)

    def test_no_more_connections_are_open_than_it_is_told(self):
        with Server() as server:
            report = self.run_at(server, 50_000, connections=4)
            self.check_sum(report.all)
            self.assertLessEqual(report.all["connections"], 4)
            self.assertGreater(report.all["sent"], 4)

    def test_a_server_that_is_not_there_is_told(self):
        with Server() as server:
            port = server.port
        report = open_loop.run(self.program, port, GET, 100, 1, 10, 1)
        self.assertEqual(report.all["sent"], 0)
        self.assertGreater(report.unexpected["unconnected"], 0)

    def test_the_requests_of_the_measurement_are_accepted(self):
        with Server() as server:
            for work in (overload.PUT, overload.GET, overload.LIST):
                request = work.raw.replace("/read/", "/written/").encode()
                # More than once each, so that the reads find what was written.
                report = self.run_at(server, 400, request=request, keys=10)
                self.assertGreater(report.all["accepted"], 0)
                self.assertEqual(report.unexpected, {})


class Flood(unittest.TestCase):
    def test_it_counts_every_answer(self):
        program = compiled(self.enterContext(tempfile.TemporaryDirectory()), "flood")
        with Server() as server:
            client = Client([server.port])
            self.addCleanup(client.close)
            self.assertEqual(client.put("open1", "value").status, 201)
            for path, status, successes in (("/kv/open1", 200, True), ("/no", 404, False)):
                done = subprocess.run(
                    [program, str(server.port), "1"], input=get(path), stdout=subprocess.PIPE,
                    check=True)
                found = json.loads(done.stdout)
                self.assertEqual(found["status 200"], found["answers"] if successes else 0)
                text = client.request("GET", "/metrics").body.decode()
                counted = re.search(
                    rf'^kv_http_requests_total{{method="GET",route="(?:/kv/{{key}}|unknown)",'
                    rf'status="{status}"}} (\d+)$', text, re.MULTILINE)
                self.assertEqual(found["answers"], int(counted[1]))
                self.assertGreater(found["answers"], 100)


class Verdicts(unittest.TestCase):
    """What the rows make of the figures."""

    @staticmethod
    def second(p99=1.0, **counts):
        names = ("due", "sent", "busy", "late", "accepted", "refused", "unconnected", "broken",
                 "unanswered", "refused_without_retry_after")
        zeros = dict.fromkeys(names, 0)
        latencies = {"due_p50_ms": 1.0, "due_p99_ms": p99, "p99_ms": p99} if p99 else {}
        return zeros | {"statuses": {}, "cpu_seconds": 1.0, "connections": 9} | latencies | counts

    def report(self, *each, **all_):
        return open_loop.Report(len(each), list(each), self.second(due=1, **all_))

    def test_eighty_percent_of_the_best_has_to_be_accepted(self):
        for accepted, verdict in ((800, "PASS"), (799, "MISS")):
            over = self.report(self.second(accepted=accepted), sent=900)
            self.assertEqual(overload._accepted("GET", 1000, over).verdict, verdict)

    def test_every_refusal_has_to_be_orderly(self):
        cases = [
            ({"refused": 5}, "PASS"), ({"refused": 5, "refused_without_retry_after": 1}, "MISS"),
            ({"statuses": {"503": 5, "429": 2, "200": 1}}, "PASS"), ({"broken": 1}, "MISS"),
            ({"statuses": {"500": 1}}, "MISS"), ({"unanswered": 1}, "MISS"),
        ]
        for counts, verdict in cases:
            row = overload._refused(self.report(self.second(), **counts), may_break=False)
            self.assertEqual(row.verdict, verdict, counts)
        row = overload._refused(self.report(self.second(), broken=3), may_break=True)
        self.assertEqual((row.verdict, row.measured),
                         ("PASS", "0 with 503 or 429, 3 closed without an answer"))

    def test_the_light_load_is_back_in_the_second_after_the_last_slow_one(self):
        before = self.report(self.second(), p99=4.0)
        for seconds, reached, verdict in (
            ((9.0, 2.0, 3.0, 2.0, 2.0, 2.0), "0 s", "PASS"),
            ((50.0, 10.0, 3.0, 9.0, 2.0, 2.0), "2 s", "PASS"),
            ((1.0, 1.0, 1.0, 1.0, None, 2.0), "5 s", "PASS"),
            ((1.0, 1.0, 1.0, 1.0, 1.0, 20.0), "not in 6 s", "MISS"),
        ):
            light = self.report(*(self.second(p99) for p99 in seconds))
            row = overload._afterwards(before, light)
            self.assertEqual((row.reached, row.verdict), (reached, verdict), seconds)


class CostOfOthers(unittest.TestCase):
    """What the rows of the normal load make of its figures."""

    def rows(self, p99=1.0, failed=None, rss=100, files=20, trouble=()):
        def run(milliseconds, **more):
            return Run(1000.0, 1.0, latencies=Latencies({int(1000 * milliseconds): 100}), **more)

        before = normal.State(50 << 20, 20)
        after = normal.State(60 << 20, files)
        found = normal.Beside(
            run(1.0), run(p99, failed=failed or {}), before, after, rss << 20, 40, list(trouble))
        return [row.verdict for row in found.rows("beside", "an outcome")]

    def test_each_goal_can_be_missed(self):
        latency, outcome, memory, files = range(4)
        self.assertEqual(self.rows(p99=49.0), ["PASS"] * 4)
        for missed, changes in (
            (latency, {"p99": 50.0}), (latency, {"failed": {"timeout": 1}}),
            (outcome, {"trouble": ["status 500: 1"]}), (memory, {"rss": 513}),
            (files, {"files": 31}),
        ):
            verdicts = ["PASS"] * 4
            verdicts[missed] = "MISS"
            self.assertEqual(self.rows(**changes), verdicts, changes)


class Running(unittest.TestCase):
    def test_what_was_chosen_is_measured_and_saved(self):
        results = self.enterContext(tempfile.TemporaryDirectory())
        command = [sys.executable, support.ROOT / "Benchmarks/bench.py", "--limits", "--quick"]
        command += ["--binaries", support.BINARIES, "--results", results, "--only", "heads"]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(support.ROOT / "scripts/python")},
            capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        saved, = [name for name in os.listdir(results) if name.endswith(".json")]
        with open(os.path.join(results, saved), encoding="utf-8") as file:
            rows = json.load(file)["rows"]
        named = {row["what"].strip(): row for row in rows}
        self.assertEqual(rows[0]["what"], "one node: heads")
        self.assertEqual(len(rows), 5)
        # How fast it was does not matter here; that every bomb was refused does.
        self.assertEqual(named["what it met"]["verdict"], "PASS")
        self.assertEqual(named["descriptors"]["verdict"], "PASS")
        self.assertRegex(named["what it met"]["measured"], r"^status 431: [\d,]+$")
        self.assertIn("one node: heads", done.stdout)


class Options(unittest.TestCase):
    def test_only_knows_the_limits(self):
        self.assertEqual(arguments([*PLACES, "--only", "overload"]).only, {"overload"})
        self.assertIn("connections", MEASURES)
        alone = ["--only", "overload-nginx"]
        self.assertEqual(arguments([*PLACES, "--cluster", *alone]).only, {"overload-nginx"})
        for words in (["--only", "starts"], ["--scale"], alone):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                arguments([*PLACES, *words])
