"""Each promise: a right history that is hard, and a wrong one that must be noticed."""

import unittest

from chaos import checks
from chaos.planting import Planted


class Case(unittest.TestCase):
    def setUp(self):
        self.plant = Planted()

    def broken(self):
        """The promises that are broken."""
        return [violation.promise for violation in checks.check(self.plant.history)]

    def assertBroken(self, *promises):
        self.assertEqual(self.broken(), list(promises))


class Reads(Case):
    def test_lost(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 4, 2, revision=11, version=2)
        self.plant.read(5, 6, 1, 10)
        self.assertBroken("lost")

    def test_stale(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 4, 2, revision=11, version=2)
        self.plant.cached(5, 6, 1, 10)
        (violation,) = checks.check(self.plant.history)
        self.assertEqual((violation.promise, violation.key), ("stale", "key"))
        self.assertEqual(violation.evidence[-1].kind, "cached")

    def test_not_linearizable(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 9, 2, revision=11, version=2)
        self.plant.read(4, 5, 2, 11)
        self.plant.read(6, 7, 1, 10)
        self.assertBroken("linearizable")

    def test_deleted_key_is_back(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.delete(3, 4)
        self.plant.cached(5, 6, 1, 10)
        self.assertBroken("stale")

    def test_never_written(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.read(3, 4, 2, 11)
        self.assertBroken("unwritten", "linearizable")

    def test_did_nothing(self):
        """A write that was refused, or that did nothing according to its 503, is found."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.idle_put(3, 4, 2)
        self.plant.read(5, 6, 2, 11)
        self.assertIn("unwritten", self.broken())

    def test_one_value_two_revisions(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.read(3, 4, 1, 11)
        self.assertIn("one revision", self.broken())

    def test_unknown_is_found(self):
        """A write without an answer that was found once stays."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.open_put(3, 2)
        self.plant.read(4, 5, 2, 11)
        self.assertBroken()
        self.plant.read(6, 7, 1, 10)
        self.assertBroken("linearizable")

    def test_acknowledged_later_than_found(self):
        """Until a write is acknowledged, the cache may lack it, even if a read has found it."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 20, 2, revision=11, version=2)
        self.plant.read(4, 5, 2, 11)
        self.plant.cached(6, 7, 1, 10)
        self.assertBroken()


class Queued(Case):
    def test_applied_later(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.queued(3, 4, 2, "applied", revision=11, decided=20)
        self.plant.read(5, 6, 1, 10)
        self.plant.read(7, 8, 2, 11)
        self.assertBroken()

    def test_applied_twice(self):
        """The version shows it, and so does the second revision of its value."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.queued(3, 4, 2, "applied", revision=11, decided=5)
        self.plant.put(6, 7, 3, revision=13, version=4)
        self.assertBroken("counted")

    def test_lost(self):
        self.plant.queued(1, 2, 1, "applied", revision=11, decided=5)
        self.plant.read(6, 7, None)
        self.assertBroken("linearizable")

    def test_never_decided(self):
        for state in ("queued", "unknown", "failed"):
            with self.subTest(state=state):
                self.plant = Planted()
                self.plant.queued(1, 2, 1, state)
                self.assertBroken("decided")

    def test_superseded(self):
        """By a write that was not over when it began."""
        self.plant.put(1, 4, 1, revision=12, version=1)
        self.plant.queued(2, 3, 2, "superseded", revision=12, decided=5)
        self.assertBroken()

    def test_superseded_by_an_earlier_write(self):
        self.plant.put(1, 2, 1, revision=12, version=1)
        self.plant.queued(3, 4, 2, "superseded", revision=12, decided=5)
        self.assertBroken("acceptance")

    def test_superseded_together(self):
        """Several, each by the same later write."""
        self.plant.queued(1, 2, 1, "superseded", revision=12, decided=9)
        self.plant.queued(3, 4, 2, "superseded", revision=12, decided=9)
        self.plant.put(5, 6, 3, revision=12, version=1)
        self.assertBroken()

    def test_superseded_by_nothing(self):
        self.plant.queued(3, 4, 2, "superseded", revision=12, decided=5)
        self.assertBroken("acceptance")

    def test_superseded_and_found(self):
        self.plant.put(1, 4, 1, revision=12, version=1)
        self.plant.queued(2, 3, 2, "superseded", revision=12, decided=5)
        self.plant.read(6, 7, 2, 13)
        self.assertIn("unwritten", self.broken())

    def test_order_of_acceptance(self):
        """The first of two queued writes got the newer revision."""
        self.plant.queued(1, 2, 1, "applied", revision=20, decided=9)
        self.plant.queued(3, 4, 2, "applied", revision=11, decided=9)
        self.assertBroken("acceptance")

    def test_undoes_a_later_write(self):
        """Late, it overwrites what was written after its acceptance."""
        self.plant.queued(1, 2, 1, "applied", revision=10, decided=9)
        self.plant.put(3, 4, 2, revision=11, version=1)
        self.plant.read(5, 6, 2, 11)
        self.plant.read(7, 8, 1, 10)
        self.assertBroken("lost")

    def test_revives(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.queued(3, 4, 2, "applied", revision=11, decided=20)
        self.plant.read(5, 6, 2, 11)
        self.plant.delete(7, 8)
        self.plant.read(9, 10, 2, 11)
        self.assertBroken("linearizable")


class Idempotent(Case):
    def test_two_outcomes(self):
        one = self.plant.put(1, 2, 1, revision=10, version=1, name="n")
        one.answers = [[201, 10, ""], [201, 10, ""]]
        self.assertBroken()
        one.answers[1] = [200, 11, ""]
        self.assertBroken("idempotent")

    def test_written_twice(self):
        one = self.plant.add(1, 2, 5, 5, revision=10, version=1, name="n")
        one.answers = [[201, 10, ""], [201, 10, ""]]
        self.plant.read_sum(3, 4, 10, 11)
        self.assertBroken("linearizable")
