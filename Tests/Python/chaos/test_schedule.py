"""Schedules: the same for the same seed, and never more at once than is allowed."""

import contextlib
import io
import itertools
import shlex
import unittest

from chaos.command import parser, repetition
from chaos.links import MODES
from chaos.schedule import SLOW, SYSTEMS, Schedule, deck
from chaos.ways import WAYS
from kvcluster import ClusterError

DISKS = {"postgres": ["postgres", "rabbitmq-3"], "cockroach": ["cockroach-3", "rabbitmq-3"]}


class Schedules(unittest.TestCase):
    def groups(self, seed, database, count=300, **options):
        schedule = Schedule(seed, database, DISKS[database], **options)
        return [schedule.group() for _ in range(count)]

    def test_repeated(self):
        for database in DISKS:
            self.assertEqual(self.groups("7", database), self.groups("7", database))
        self.assertNotEqual(self.groups("7", "postgres"), self.groups("8", "postgres"))

    def test_one_majority_at_a_time(self):
        for database, seed in itertools.product(DISKS, range(20)):
            for group in self.groups(seed, database):
                self.assertLessEqual(sum(fault.breaks for fault in group), 1, group)
                systems = [fault.system for fault in group]
                self.assertEqual(len(systems), len(set(systems)), group)

    def test_all_majorities(self):
        groups = self.groups(1, "postgres", breaks=3)
        self.assertGreater(max(sum(fault.breaks for fault in group) for group in groups), 1)

    def test_everything_comes(self):
        """Every fault comes, and every mode for some connection; all are known."""
        for database, disks in DISKS.items():
            faults = [fault for group in self.groups(3, database) for fault in group]
            self.assertEqual({fault.kind for fault in faults}, set(WAYS))
            cards = {(card.system, card.target) for card in deck(database, disks)}
            self.assertEqual({(fault.system, fault.target) for fault in faults}, cards)
            self.assertTrue(any("full disk" == fault.kind for fault in faults))

    def test_without_disks(self):
        schedule = Schedule(1, "postgres")
        kinds = {fault.kind for _ in range(200) for fault in schedule.group()}
        self.assertEqual(kinds, set(WAYS) - {"full disk"})

    def test_times(self):
        for group in self.groups(1, "postgres", longest=4):
            self.assertEqual(min(fault.after for fault in group), 0)
            for fault in group:
                self.assertLessEqual(fault.seconds, 8 if fault.system in SLOW else 4)

    def test_chosen_kinds(self):
        groups = self.groups(1, "cockroach", kinds=["silence", "kill"])
        self.assertEqual({fault.kind for group in groups for fault in group}, {"silence", "kill"})

    def test_chosen_systems(self):
        groups = self.groups(1, "cockroach", systems=["redis", "rabbitmq"])
        found = {fault.system for group in groups for fault in group}
        self.assertEqual(found, {"redis", "rabbitmq"})
        self.assertEqual({card.system for card in deck("postgres", [])}, set(SYSTEMS))

    def test_nothing_left(self):
        with self.assertRaisesRegex(ClusterError, "no fault is left"):
            Schedule(1, "postgres", kinds=["failover"], systems=["clients"])

    def test_amounts(self):
        for group in self.groups(1, "postgres"):
            for fault in group:
                has_amount = fault.kind in ("delay", "throttle")
                self.assertEqual(bool(fault.amounts), has_amount, fault)
                self.assertIn(" for ", str(fault))
                self.assertEqual(" > " in fault.target or " <> " in fault.target,
                                 fault.kind in MODES)


class Repetition(unittest.TestCase):
    def test_same_options(self):
        """The command at the end of a run has all that its schedule depends on."""
        for words in ("", "--seconds 90 --longest 2.5 --breaks 2", "--kinds 'full disk,kill'",
                      "--systems redis,clients --dir elsewhere --base 30000"):
            options = parser().parse_args(shlex.split(words))
            command = shlex.split(repetition(options, "7", "postgres"))
            self.assertEqual(command[0], "scripts/chaos")
            again = parser().parse_args(command[1:])
            self.assertEqual((again.seed, again.database), ("7", "postgres"))
            for name in ("seconds", "longest", "breaks", "kinds", "systems"):
                self.assertEqual(getattr(again, name), getattr(options, name), name)

    def test_nonsense(self):
        for words in ("--seconds 0", "--seconds -1", "--longest nan", "--breaks 0", "--kinds x",
                      "--systems x", "--database x"):
            with self.subTest(words), contextlib.redirect_stderr(io.StringIO()) as said:
                with self.assertRaises(SystemExit) as end:
                    parser().parse_args(words.split())
                self.assertEqual(end.exception.code, 2)
                self.assertIn("error:", said.getvalue())
