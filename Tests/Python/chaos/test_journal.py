"""What is told of a violation, and the summary."""

import types
import unittest

from chaos import checks
from chaos.faults import Fault
from chaos.history import Violation
from chaos.journal import TOLD_MAX, Journal
from chaos.planting import Planted
from chaos.report import summary

STOPPED = Fault("pause", "redis", "redis master", seconds=2.0)
CUT = Fault("cut", "clients", "clients > kv-api-1", seconds=1.0)


class Told(unittest.TestCase):
    def setUp(self):
        self.said, self.kept = [], []
        self.journal = Journal(self.said.append, self.kept.append)
        # Seconds since the beginning of the run.
        self.now = 0.0
        self.journal.clock = lambda: self.now

    def fault(self, fault, begin, end):
        self.now = begin
        number = self.journal.fault_begins(fault, "some")
        self.now = end
        self.journal.fault_ends(number)
        self.said.clear()

    def test_history_and_faults(self):
        """The promise, the key, what shows it, and the faults around it, but not earlier ones."""
        self.fault(CUT, 1, 2)
        self.fault(STOPPED, 30, 32)
        plant = Planted()
        plant.put(31, 32, 1, revision=10, version=1)
        plant.put(33, 34, 2, revision=11, version=2)
        plant.cached(35, 36, 1, 10)
        for violation in checks.check(plant.history):
            self.journal.complain(violation)
        text = "\n".join(self.said)
        self.assertIn("VIOLATION stale: key: ", text)
        for words in ("put    2000000 -> done revision 11", "cached 1000000", str(STOPPED)):
            self.assertIn(words, text)
        self.assertNotIn(str(CUT), text)
        self.assertEqual(self.kept, self.said)

    def test_without_time(self):
        """Where no operation shows when it was, the latest faults are named."""
        self.fault(CUT, 1, 2)
        self.fault(STOPPED, 100, 102)
        self.journal.complain(Violation("recovers", "all", "kv-api-1 does not answer"))
        self.assertEqual(len(self.said), 2)
        self.assertIn(str(STOPPED), self.said[1])

    def test_many(self):
        """Of each promise the first ones are printed; all are kept."""
        for number in range(TOLD_MAX + 3):
            self.journal.complain(Violation("seen", f"key-{number}", "it lacks one"))
        self.journal.complain(Violation("lost", "key", "one"))
        self.assertEqual(len(self.said), TOLD_MAX + 1)
        self.assertEqual(len(self.kept), TOLD_MAX + 4)

    def test_summary(self):
        """It has the seed, the time, the faults by kind, what was acknowledged, and remedies, which
        are no violations."""
        for begin in (1, 3):
            self.fault(CUT, begin, begin + 1)
        self.fault(STOPPED, 10, 12)
        for kind, status in (("put", 201), ("delete", 204), ("put", 202), ("read", 200)):
            self.journal.statuses[kind, status] += 1
        self.journal.remedy("an issue", "it was mended")
        self.assertIn("REMEDY an issue: it was mended", self.said[-1])
        self.assertEqual(len(self.kept), 1)
        self.journal.complain(Violation("lost", "key", "one"))
        self.now = 3600.4
        watcher = types.SimpleNamespace(late=1, count=20)
        run = types.SimpleNamespace(rounds=2, keys=10, operations=99, watchers=[watcher] * 3)
        lines = list(summary(run, self.journal, "PostgreSQL", "7"))
        told = dict(line.split("  ", 1) for line in lines if not line.startswith(" "))
        for name, text in {
            "run": "3600 s on PostgreSQL, seed 7", "faults": "3: 2 cut, 1 pause",
            "acknowledged writes": "2, and 1 queued", "remedies": "1: 1 an issue", "lost": "1",
            "violations": "1", "events": "60 at 3 watchers, 3 out of order",
        }.items():
            self.assertEqual(told[name].strip(), text)
