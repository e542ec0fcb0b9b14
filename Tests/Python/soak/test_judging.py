"""Which growth is noticed, and which is right."""

import unittest

from kvsoak.judging import number, verdicts
from soak.runs import MIB, document, figures


def bad(found):
    return {(one.what, one.how) for one in verdicts(found) if one.is_good is False}


class Verdicts(unittest.TestCase):
    def test_a_flat_run_is_good(self):
        found = verdicts(document())
        self.assertEqual({one.is_good for one in found}, {True}, found)

    def test_a_short_run_is_not_judged(self):
        def change(one):
            one["metrics"]["queue depth"] = one["at"] * 100

        found = verdicts(document(300, change))
        self.assertEqual({one.is_good for one in found}, {None}, found)

    def test_memory_that_grows_is_found(self):
        def change(one):
            one["processes"]["redis-1"]["memory"] += int(one["at"] / 3600 * 40 * MIB)

        self.assertEqual(bad(document(change=change)), {("redis: memory", "the same processes")})

    def test_descriptors_and_threads_that_grow_are_found(self):
        def change(one):
            one["processes"]["postgres"]["descriptors"] += int(one["at"] / 50)
            one["processes"]["kv-worker-1"]["threads"] += int(one["at"] / 100)

        self.assertEqual(
            bad(document(change=change)),
            {("postgres: descriptors", "the same processes"),
             ("kv-worker: threads", "the same processes")})

    def test_memory_that_each_process_gathers_until_its_restart_is_found(self):
        def change(one):
            life, age = divmod(one["at"], 900)
            memory = 60 * MIB + age * MIB // 10
            one["processes"]["kv-api-1"] = figures(age, memory, pid=200 + life)
            one["processes"]["kv-api-2"] = figures(age, memory, pid=300 + life)

        self.assertEqual(bad(document(change=change)), {("kv-api: memory", "within a life")})

    def test_a_queue_and_an_outbox_that_fill_are_found(self):
        def change(one):
            one["metrics"] |= {"queue depth": one["at"], "outbox age": one["at"] / 10}

        self.assertEqual(
            bad(document(change=change)),
            {("queue depth", "in the run"), ("outbox age", "in the run")})

    def test_one_dead_letter_is_found(self):
        def change(one):
            one["metrics"]["dead letters"] = float(one["at"] > 2000)

        self.assertEqual(bad(document(change=change)), {("dead letters", "in the run")})

    def test_watchers_that_are_left_behind_are_found(self):
        def change(one):
            one["metrics"]["watchers"] = 4.0 + one["at"] // 1000

        self.assertEqual(bad(document(change=change)), {("watchers", "in the run")})

    def test_tables_that_grow_are_found(self):
        def change(one):
            one["disk"]["tables"] += one["at"] * 10_000

        self.assertEqual(bad(document(change=change)), {("disk: tables", "in the run")})

    def test_records_that_are_kept_may_become_more_and_not_larger(self):
        self.assertEqual(bad(document()), set(), "they grow with the writes")

        def change(one):
            one["disk"]["operations"] *= 1 + one["at"] / 3600

        self.assertEqual(
            bad(document(change=change)), {("disk: operations, of each", "in the run")})

    def test_a_figure_is_told_with_its_unit(self):
        self.assertEqual(number(60 * MIB, "bytes"), "60.0 MiB")
        self.assertEqual(number(250.4, "bytes"), "250 B")
        self.assertEqual(number(0.25, "s"), "0.25 s")
        self.assertEqual(number(1234, ""), "1,234")
        self.assertEqual(number(None, "s"), "–")


if __name__ == "__main__":
    unittest.main()
