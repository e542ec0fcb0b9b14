"""Which rounds are repeated, and what the table says of them."""

import statistics
import unittest

from kvbench import spread
from kvbench.load import Run
from kvbench.report import Row, Series, judged, table
from kvbench.turns import take_turns


class Scripted:
    """A contender whose rates are known; the last one goes on for ever. The first run warms up."""

    def __init__(self, *rates):
        self.rates = [1.0, *rates]
        self.seconds = []

    def __call__(self, seconds):
        self.seconds.append(seconds)
        place = min(len(self.seconds), len(self.rates)) - 1
        return Run(self.rates[place], 10.0)

    @property
    def rounds(self):
        return len(self.seconds) - 1


class Spreads(unittest.TestCase):
    def test_the_spread_is_the_range_by_the_median(self):
        self.assertAlmostEqual(spread.spread([95, 100, 105]), 0.1)
        self.assertEqual(spread.spread([7]), 0)

    def test_no_success_at_all_is_no_spread_and_some_is_an_endless_one(self):
        self.assertEqual(spread.spread([0, 0]), 0)
        self.assertEqual(spread.spread([0, 0, 5]), float("inf"))

    def test_the_majority_is_more_than_half_and_the_closest(self):
        self.assertEqual(spread.majority([100, 50, 101, 102, 10]), [100, 101, 102])
        self.assertEqual(spread.majority([1, 2, 100, 101, 102, 103]), [100, 101, 102, 103])

    def test_the_median_lies_within_the_majority(self):
        for values in ([1, 2, 3, 100, 101], [5, 1, 9, 2], [3, 3, 1], [10, 1, 1, 1]):
            most = spread.majority(values)
            self.assertTrue(most[0] <= statistics.median(values) <= most[-1], values)

    def test_the_table_tells_how_many_agree_where_not_all_do(self):
        self.assertEqual(spread.told([100, 102, 104]), "4 %")
        self.assertEqual(spread.told([100, 101, 102, 150]), "49 %; 3 of 4 within 2 %")
        self.assertEqual(spread.told([100]), "")
        self.assertEqual(spread.told([0, 0, 5]), "any; 2 of 3 within 0 %")


class Turns(unittest.TestCase):
    def test_rounds_that_agree_are_not_repeated(self):
        ours, theirs = Scripted(100, 101, 102), Scripted(50, 51, 52)
        take_turns({"ours": ours, "theirs": theirs}, 5, 3)
        self.assertEqual(ours.seconds, [1, 5, 5, 5])
        self.assertEqual(theirs.rounds, 3)

    def test_both_sides_of_a_pair_run_again_where_one_spreads(self):
        ours, theirs = Scripted(100, 130, 100, 101), Scripted(50)
        series = take_turns({"ours": ours, "theirs": theirs}, 5, 3)
        self.assertEqual((ours.rounds, theirs.rounds), (4, 4))
        self.assertEqual(series["ours"].per_second, 100.5)

    def test_further_rounds_end_with_as_many_again(self):
        ours, theirs = Scripted(*range(100, 1000, 50)), Scripted(50)
        take_turns({"ours": ours, "theirs": theirs}, 5, 3)
        self.assertEqual((ours.rounds, theirs.rounds), (6, 6))

    def test_another_pair_is_left_alone(self):
        wild, partner, calm = Scripted(100, 200, 300, 400, 500, 600), Scripted(50), Scripted(70)
        contenders = {"wild": wild, "partner": partner, "calm": calm, "alone": Scripted(1, 2, 3)}
        pairs = [("wild", "partner"), ("calm", "partner")]
        take_turns(contenders, 5, 3, pairs)
        self.assertEqual((wild.rounds, partner.rounds, calm.rounds), (6, 6, 3))
        self.assertEqual(contenders["alone"].rounds, 3)


class Tables(unittest.TestCase):
    def test_each_row_tells_its_spread(self):
        series = Series("GET", [Run(rate, 10.0) for rate in (100, 110, 105)])
        row = judged(series.row(), "≥ 2 × SQLite", "2.1 ×", True)
        text = table([row, None, Row("RSS", "25.0 MiB")])
        head, _, first, rule, second = text.splitlines()
        self.assertRegex(
            head, r"^ +measured: median \(range\) +spread +CPU µs +target +reached$")
        self.assertRegex(
            first, r"^GET +105/s \(100–110\) +10 % +10\.0 +≥ 2 × SQLite +2\.1 × +PASS$")
        self.assertEqual(set(rule), {"─", " "})
        self.assertRegex(second, r"^RSS +25\.0 MiB$")

    def test_columns_without_a_figure_are_left_out(self):
        self.assertNotIn("behind", table([Row("RSS", "25.0 MiB")]))
