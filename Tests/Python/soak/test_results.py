"""What makes a run good or bad as a whole, and what is left of it."""

import json
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace

from kvsoak import options as reading
from kvsoak.commands import Commands
from kvsoak.events import EVENTS, REMEDY, SCALING, Happening
from kvsoak.explaining import explain
from kvsoak.failures import Failure
from kvsoak.results import Results
from kvsoak.tally import FAILURES_MAX, Tally
from soak.runs import sample
from support import wait_until

UP = Happening(SCALING, 100.0, 105.0, "kv-api from 2 to 3")
DOWN = Happening(SCALING, 200.0, 205.0, "kv-api from 3 to 2")


class Whole(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kv-soak-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        options = reading.read(["--seed", "5", "--dir", folder.name])
        self.results = Results(self.folder / "results", options, "postgres")

    def document(self, happenings=(UP, DOWN), failures=(), seconds=700, drained=0.5):
        """That of a run that is over, as it was saved."""
        tally = Tally()
        for failure in failures:
            tally.fail(failure)
        samples = [sample(at) for at in range(5, seconds + 1, 5)]
        sampler = SimpleNamespace(samples=samples, happenings=list(happenings))
        self.results.update(sampler, tally, seconds, drained, is_over=True)
        self.results.save()
        self.assertIn("<h1>", self.results.page.read_text())
        return json.loads(self.results.json.read_text())

    def bad(self, **how):
        document = self.document(**how)
        found = {one["what"] for one in document["verdicts"] if one["is_good"] is False}
        self.assertIs(document["is_good"], not found)
        return found

    def test_a_run_that_goes_well_is_good(self):
        self.assertEqual(self.bad(), set())

    def test_an_error_without_an_event_is_bad(self):
        failure = Failure(50.0, 50.1, "put", "500 internal-error", "PUT /kv/a")
        self.assertEqual(self.bad(failures=[failure]), {"unexplained errors"})
        self.assertEqual(self.document(failures=[failure])["unexplained"][0]["text"], "PUT /kv/a")

    def test_more_failures_than_are_kept_are_bad(self):
        failures = [Failure(50.0, 50.1, "put", "reset")] * (FAILURES_MAX + 5)
        document = self.document(failures=failures, seconds=60)
        self.assertEqual(document["unexplained_total"], FAILURES_MAX + 5)
        self.assertLess(len(document["unexplained"]), FAILURES_MAX)
        self.assertFalse(document["is_good"])

    def test_an_autoscaler_that_only_adds_is_bad_in_a_long_run(self):
        what = "the autoscaler adds and removes nodes"
        for happenings in ([], [UP], [DOWN]):
            self.assertEqual(self.bad(happenings=happenings), {what})
        self.assertEqual(self.bad(happenings=[], seconds=90), set())

    def test_what_does_not_drain_is_bad(self):
        self.assertEqual(self.bad(drained=None), {"outbox and queue are empty after the end"})

    def test_a_remedy_is_told(self):
        document = self.document([UP, DOWN, Happening(REMEDY, 9.0, 9.0, "an issue: mended")])
        found = [one for one in document["verdicts"] if one["what"].startswith("remedies")]
        self.assertEqual([(one["after"], one["is_good"]) for one in found], [(1, None)])


class Failing(unittest.TestCase):
    def test_an_event_that_can_not_be_carried_out_is_unexplained(self):
        tally, start = Tally(), time.monotonic()
        planned = [(0, next(event for event in EVENTS if event.name == "kv-api"))]
        with tempfile.TemporaryDirectory(prefix="kv-soak-") as folder:
            commands = Commands(
                Path(folder), planned, lambda: time.monotonic() - start, tally, 1, None)
            with commands:
                wait_until(
                    lambda: commands.happenings and commands.happenings[0].end is not None, 60,
                    "end of the event")
        found = explain(tally.failures, commands.happenings).unexplained
        self.assertEqual([failure.what for failure in found], ["command"])
        self.assertIn("there is no cluster", found[0].text)


if __name__ == "__main__":
    unittest.main()
