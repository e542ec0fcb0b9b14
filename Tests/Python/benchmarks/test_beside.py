"""What the first line says of other processes."""

import os
import subprocess
import tempfile
import time
import unittest

from kvbench.beside import Beside, Others, told
from kvcluster.processes import Stat


def process(pid, used, name="other", parent=1, session=None, started=0):
    return Stat(pid, "S", parent, session or pid, started, used, used, name)


class Counting(unittest.TestCase):
    def setUp(self):
        self.others = Others(root=100)

    def see(self, *found):
        self.others.see([process(100, 0, "python3", session=90), *found])

    def test_only_time_since_the_first_sample_counts(self):
        self.see(process(7, 500, "cron"))
        self.see(process(7, 520, "cron"))
        self.see(process(7, 521, "cron"))
        self.assertEqual(dict(+self.others.used), {"cron": 21})

    def test_all_time_of_a_process_that_starts_later_counts(self):
        self.see()
        self.see(process(8, 30, "make"))
        self.assertEqual(dict(+self.others.used), {"make": 30})

    def test_an_id_that_is_used_again_is_another_process(self):
        self.see(process(7, 500, "cron"))
        self.see(process(7, 3, "make", started=9))
        self.assertEqual(dict(+self.others.used), {"make": 3})

    def test_processes_with_the_same_name_are_added(self):
        self.see()
        self.see(process(8, 30, "clang"), process(9, 12, "clang"))
        self.assertEqual(dict(+self.others.used), {"clang": 42})

    def test_descendants_do_not_count(self):
        self.see()
        self.see(process(101, 30, parent=100), process(102, 30, parent=101))
        self.assertEqual(dict(+self.others.used), {})

    def test_a_child_that_has_lost_its_parent_still_does_not_count(self):
        self.see(process(101, 1, parent=100), process(102, 1, parent=101, session=90))
        self.see(process(102, 30, parent=1, session=90))
        self.assertEqual(dict(+self.others.used), {})

    def test_the_session_of_a_child_does_not_count(self):
        self.see(process(101, 1, "epmd", parent=100, session=101))
        self.see(process(103, 9, "inet", parent=1, session=101))
        self.assertEqual(dict(+self.others.used), {})

    def test_others_of_the_session_that_this_program_is_in_count(self):
        self.see(process(95, 1, "cat", session=90))
        self.see(process(95, 8, "cat", session=90))
        self.assertEqual(dict(+self.others.used), {"cat": 7})


class Line(unittest.TestCase):
    def test_it_names_the_largest_and_adds_up_the_rest(self):
        shares = [(f"p{number}", (20 - number) / 100) for number in range(10)]
        text = told(shares, 0.5)
        self.assertTrue(text.startswith("Beside this ran: p0 20 %, p1 19 %, p2 18 %"), text)
        end = "p5 15 %, others 50 % of a core; load average 0.50 at the start"
        self.assertTrue(text.endswith(end), text)

    def test_it_says_so_where_nothing_ran(self):
        self.assertEqual(
            told([("cron", 0.002)], 0.0),
            "Beside this ran: nothing that used 1 % of a core; load average 0.00 at the start")


class Watching(unittest.TestCase):
    def setUp(self):
        # The name of a process is that of the file that was executed.
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.program = os.path.join(folder, "kvbenchbusy")
        os.symlink("/bin/sh", self.program)

    def test_a_busy_process_is_seen_unless_this_program_has_started_it(self):
        with (
            # Root of a family of its own, like a benchmark that runs at the same time.
            subprocess.Popen(["sleep", "600"]) as stranger,
            Beside(stranger.pid, every=0.1) as beside,
            Beside(every=0.1) as own,
            subprocess.Popen([self.program, "-c", "while :; do :; done"]) as busy,
        ):
            try:
                limit = time.monotonic() + 60
                while not self.share(beside) and time.monotonic() < limit:
                    time.sleep(0.1)
                self.assertGreater(self.share(beside), 0)
                self.assertEqual(self.share(own), 0)
            finally:
                busy.kill()
                stranger.kill()

    @staticmethod
    def share(beside):
        return dict(beside.shares()).get("kvbenchbusy", 0)
