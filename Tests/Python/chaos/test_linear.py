"""The search for an order, and the rules of a key."""

import random
import unittest

from chaos.history import DONE, STEP, UNKNOWN, Operation
from chaos.linear import explains, shortest
from chaos.planting import Planted
from chaos.register import Register, State


class Explained(unittest.TestCase):
    """Right histories."""

    def setUp(self):
        self.plant = Planted()

    def tearDown(self):
        self.assertTrue(explains(self.plant.operations))

    def test_in_turn(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.read(3, 4, 1, 10)
        self.plant.put(5, 6, 2, revision=11, version=2, condition=10)
        self.plant.delete(7, 8)
        self.plant.read(9, 10, None)
        self.plant.missing(11, 12)
        self.plant.put(13, 14, 3, revision=20, version=1, condition="absent")

    def test_at_the_same_time(self):
        """While a write is under way, reads may find it or not, but not turn back."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 9, 2, revision=11, version=2)
        self.plant.read(4, 5, 1, 10)
        self.plant.read(4, 6, 2, 11)
        self.plant.read(7, 8, 2, 11)

    def test_unknown_at_any_time(self):
        """A write without an answer may take effect much later, or never."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.open_put(3, 2)
        self.plant.open_delete(3)
        self.plant.put(4, 5, 3, revision=12, version=2)
        # The delete.
        self.plant.read(6, 7, None)
        self.plant.put(8, 9, 4, revision=13, version=1)

    def test_unknown_counts(self):
        """A version that is one too high is explained by a write without an answer."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.open_put(3, 2)
        self.plant.put(4, 5, 3, revision=12, version=3)

    def test_sums(self):
        self.plant.add(1, 2, 5, 5, revision=10, version=1)
        self.plant.open_add(3, 7)
        self.plant.read_sum(4, 5, 12, 11)
        self.plant.add(6, 7, 1, 13, revision=12, version=3, condition=11)

    def test_refused(self):
        self.plant.refused_put(1, 2, 1, condition=7)
        self.plant.put(3, 4, 2, revision=10, version=1)
        self.plant.refused_put(5, 6, 3, condition="absent", revision=10)
        self.plant.refused_put(5, 6, 4, condition=9, revision=10)

    def test_cached(self):
        """A read of the cache may lack what nobody had acknowledged when it began."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 9, 2, revision=11, version=2)
        self.plant.read(4, 5, 2, 11)
        self.plant.cached(6, 7, 1, 10)
        self.plant.cached(8, 10, 1, 10)


class Unexplained(unittest.TestCase):
    """Wrong histories, one for each rule."""

    def setUp(self):
        self.plant = Planted()

    def tearDown(self):
        self.assertFalse(explains(self.plant.operations))

    def test_lost(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 4, 2, revision=11, version=2)
        self.plant.read(5, 6, 1, 10)

    def test_vanished(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.read(3, 4, None)

    def test_turned_back(self):
        """A read that begins after the end of another one finds less."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 9, 2, revision=11, version=2)
        self.plant.read(4, 5, 2, 11)
        self.plant.read(6, 7, 1, 10)

    def test_deleted_key_is_back(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.delete(3, 4)
        self.plant.read(5, 6, 1, 10)

    def test_two_deletes(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.delete(3, 4)
        self.plant.delete(5, 6)

    def test_both_created(self):
        self.plant.put(1, 3, 1, revision=10, version=1, condition="absent")
        self.plant.put(2, 4, 2, revision=11, version=1, condition="absent")

    def test_both_replaced(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 5, 2, revision=11, version=2, condition=10)
        self.plant.put(4, 6, 3, revision=12, version=3, condition=10)

    def test_refused_without_reason(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.refused_put(3, 4, 2, condition=10, revision=10)

    def test_counted_twice(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 4, 2, revision=11, version=3)

    def test_added_twice(self):
        self.plant.add(1, 2, 5, 5, revision=10, version=1)
        self.plant.read_sum(3, 4, 10, 11)

    def test_smaller_revision(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.delete(3, 4)
        self.plant.put(5, 6, 2, revision=9, version=1)

    def test_cached_after_acknowledgement(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 4, 2, revision=11, version=2)
        self.plant.cached(5, 6, 1, 10)

    def test_cached_before_its_commit(self):
        """What a read of the cache has returned, no later read of the database lacks."""
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.put(3, 9, 2, revision=11, version=2)
        self.plant.cached(4, 5, 2, 11)
        self.plant.read(6, 7, 1, 10)

    def test_cached_and_deleted(self):
        self.plant.put(1, 2, 1, revision=10, version=1)
        self.plant.delete(3, 4)
        self.plant.cached(5, 6, 1, 10)


class Shortest(unittest.TestCase):
    def test_only_what_shows_it(self):
        """Of a long history with one stale read, that read and the write that it lacks are left."""
        plant = Planted()
        for number in range(1, 30):
            plant.put(10 * number, 10 * number + 1, number, revision=number, version=number)
            plant.read(10 * number + 2, 10 * number + 3, number, number)
        plant.read(297, 298, 28, 28)
        found = shortest(plant.operations)
        self.assertEqual([one.kind for one in found], ["put", "read"])
        self.assertEqual([one.revision for one in found], [29, 28])


class Random(unittest.TestCase):
    """Histories of a simulated key with many clients: right, and with one wrong answer."""

    def simulate(self, rng, count=120):
        """Operations that take effect at a random time between their start and their end."""
        moments = []
        for number in range(count):
            start = rng.random() * count / 4
            moments.append((start + rng.random(), start, start + 1 + rng.random(), number))
        register, state, found = Register(), State(), []
        for _, start, end, number in sorted(moments):
            kind = rng.choice(["put", "put", "add", "delete", "read", "read"])
            one = Operation(f"c{number}", kind, start, end, DONE)
            if kind == "read":
                one.found = state.value
                one.revision = state.revision if state.value is not None else None
            elif kind == "delete" and state.value is None:
                continue
            else:
                one.value = (number + 1) * STEP if kind == "put" else None
                one.amount = rng.randint(1, 999) if kind == "add" else None
                one.revision = state.revision + rng.randint(1, 9)
                state = register.after(state, one)
                if kind == "delete":
                    one.revision = None
                else:
                    one.version = state.version
                    one.found = state.value if kind == "add" else None
            if one.is_write and rng.random() < 0.1:
                one.outcome, one.end, one.revision, one.version = UNKNOWN, None, None, None
                one.found = None
            found.append(one)
        return found

    def test_right(self):
        for seed in range(60):
            with self.subTest(seed=seed):
                self.assertTrue(explains(self.simulate(random.Random(seed))))

    def test_wrong(self):
        """A write that was acknowledged and never took effect is always noticed if it is read."""
        noticed = 0
        for seed in range(60):
            rng = random.Random(seed)
            found = self.simulate(rng)
            reads = [
                one
                for one in found
                if one.kind == "read" and one.found is not None and one.start > 5
            ]
            victim = rng.choice(reads)
            older = [
                one
                for one in found
                if one.kind == "put" and one.outcome == DONE and one.end < victim.start - 3
            ]
            if not older:
                continue
            old = max(older, key=lambda one: one.revision)
            newer = [
                one
                for one in found
                if one.is_write and one.outcome == DONE and (one.revision or 0) > old.revision
                and old.end < one.start and one.end < victim.start
            ]
            if not newer:
                continue
            victim.found, victim.revision = old.value, old.revision
            noticed += 1
            with self.subTest(seed=seed):
                self.assertFalse(explains(found))
        self.assertGreater(noticed, 30)
