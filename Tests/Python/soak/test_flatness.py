"""What counts as flat."""

import unittest

from kvsoak.flatness import Reading, Tolerance, has_restarts, of_a_run, of_lives, sixths


def life(name, begin, end, value, step=10):
    """Readings of a process from its start to its end; `value` gives that of an age."""
    return [
        Reading(at, (name, begin), at - begin, value(at - begin))
        for at in range(begin, end, step)
    ]


class Sixths(unittest.TestCase):
    def test_the_second_and_the_last_sixth_are_compared_by_their_medians(self):
        points = [(at, at // 100) for at in range(0, 601, 10)]
        self.assertEqual(sixths(points, 0, 600), (1, 5))

    def test_the_first_sixth_and_an_outlier_do_not_count(self):
        points = [(at, 1000 if at < 100 else 7) for at in range(0, 601, 10)]
        points[15] = (150, 1_000_000)
        self.assertEqual(sixths(points, 0, 600), (7, 7))

    def test_too_few_points_are_not_compared(self):
        points = [(at, 1) for at in range(0, 601, 30)]
        self.assertIsNone(sixths(points, 0, 600))
        self.assertIsNone(sixths([], 0, 600))


class Tolerances(unittest.TestCase):
    def test_a_share_or_an_amount_may_be_added(self):
        tolerance = Tolerance(0.1, 16)
        self.assertTrue(tolerance.allows(1000, 1100))
        self.assertFalse(tolerance.allows(1000, 1101))
        self.assertTrue(tolerance.allows(10, 26))
        self.assertFalse(tolerance.allows(10, 27))
        self.assertTrue(tolerance.allows(1000, 0), "less is no growth")


class Processes(unittest.TestCase):
    def test_one_that_runs_all_the_time_is_compared_with_itself(self):
        readings = life("redis-1", 0, 3600, lambda age: age)
        self.assertFalse(has_restarts(readings))
        before, after = of_a_run(readings, 3600)
        self.assertAlmostEqual(before, 900, delta=10)
        self.assertAlmostEqual(after, 3300, delta=10)

    def test_restarts_do_not_hide_that_each_process_grows(self):
        readings = []
        for begin in range(0, 3600, 600):
            readings += life("kv-api-1", begin, begin + 600, lambda age: 50 + age)
        self.assertTrue(has_restarts(readings))
        before, after = of_a_run(readings, 3600)
        self.assertEqual(before, after, "at the same age they are the same")
        before, after = of_lives(readings)
        self.assertAlmostEqual(after - before, 400, delta=30)

    def test_processes_that_begin_larger_each_time_are_found_by_age(self):
        readings = []
        for begin in range(0, 3600, 600):
            readings += life("kv-api-1", begin, begin + 600, lambda _: 50 + begin)
        before, after = of_a_run(readings, 3600)
        self.assertEqual((before, after), (650, 3050))
        before, after = of_lives(readings)
        self.assertEqual(before, after)

    def test_what_one_process_gathers_does_not_count_against_its_young_ones(self):
        """One is never restarted, and old; only processes of the same age are compared."""
        readings = life("kv-api-1", 0, 3600, lambda age: age)
        for begin in range(10, 3600, 600):
            readings += life("kv-api-2", begin, begin + 590, lambda _: 7)
        before, after = of_a_run(readings, 3600)
        self.assertEqual((before, after), (7, 7))

    def test_short_lives_have_no_sixths(self):
        self.assertIsNone(of_lives(life("kv-api-3", 100, 300, lambda age: age)))


if __name__ == "__main__":
    unittest.main()
