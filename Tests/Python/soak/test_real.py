"""The load on a real kv-api, and figures of real processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from kvcluster import processes
from kvsoak import families, sizes
from kvsoak.load import Load
from kvsoak.mix import KINDS
from kvsoak.sampler import is_done
from kvsoak.tally import Tally
from kvsoak.watching import WATCHERS, Watching
from kvsoak.waves import Waves
from support import free_port, wait_until
from support.server import Server


def kinds(answers):
    return {said.rpartition(" ")[0] for said in answers}


class Loading(unittest.TestCase):
    def load(self, port, tally):
        start = time.monotonic()
        return Load(port, Waves(400, 400, 60), tally, lambda: time.monotonic() - start, 5)

    def test_a_healthy_store_gives_good_answers_only(self):
        answers, tally = {}, Tally()

        def seen():
            for said, count in tally.take()["answers"].items():
                answers[said] = answers.get(said, 0) + count
            return kinds(answers) == set(KINDS) and sum(answers.values()) > 300

        with Server() as server, Watching(server.port) as watching:
            self.assertTrue(watching.have_begun(60))
            with self.load(server.port, tally):
                wait_until(seen, 60, "all kinds of requests")
            wait_until(lambda: watching.figures()["events"] > 0, 60, "events")
            self.assertEqual(watching.figures()["streams"], WATCHERS)
            self.assertEqual(watching.failures(1.0), [])
        self.assertEqual(tally.failures, [])
        self.assertGreater(sum(count for said, count in answers.items() if is_done(said)), 20)

    def test_a_store_that_is_away_is_a_failure_of_each_request(self):
        tally = Tally()
        with self.load(free_port(), tally):
            wait_until(lambda: len(tally.failures) > 20, 60, "failures")
        self.assertEqual({failure.what for failure in tally.failures}, {"refused"})
        self.assertEqual(tally.total, 0)

    def test_writes_that_take_effect_are_told_from_others(self):
        self.assertTrue(is_done("put queued 202"))
        self.assertTrue(is_done("delete 204"))
        self.assertFalse(is_done("delete 404"))
        self.assertFalse(is_done("get 200"))
        self.assertFalse(is_done("list 200"))


class Families(unittest.TestCase):
    def test_a_service_counts_with_its_processes_until_it_ends(self):
        program = "import subprocess, sys; print(flush=True); subprocess.run(['sleep', '300'])"
        with tempfile.TemporaryDirectory(prefix="kv-soak-") as folder:
            run = Path(folder, "run")
            run.mkdir()
            with subprocess.Popen(
                [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
            ) as leader:
                try:
                    leader.stdout.readline()
                    identity = processes.Identity.of(leader.pid)
                    (run / "nginx.json").write_text(json.dumps(vars(identity)))
                    wait_until(
                        lambda: families.sample(Path(folder))[0]["nginx"]["threads"] == 2, 60,
                        "both processes")
                    alive, ended = families.sample(Path(folder))
                    self.assertEqual(ended, set())
                    self.assertGreater(alive["nginx"]["memory"], 1 << 20)
                    self.assertGreater(alive["nginx"]["descriptors"], 5)
                    self.assertEqual(alive["nginx"]["pid"], leader.pid)
                finally:
                    os.killpg(leader.pid, signal.SIGKILL)
            self.assertEqual(families.sample(Path(folder)), ({}, {"nginx"}))

    def test_the_kind_of_a_service_is_its_name_without_the_number(self):
        self.assertEqual(families.kind_of("kv-api-12"), "kv-api")
        self.assertEqual(families.kind_of("kv-autoscaler"), "kv-autoscaler")
        self.assertEqual(families.kind_of("postgres"), "postgres")

    def test_what_a_folder_takes_up_is_counted_with_its_sub_folders(self):
        with tempfile.TemporaryDirectory(prefix="kv-soak-") as folder:
            Path(folder, "a", "b").mkdir(parents=True)
            for place in ("one", "a/two", "a/b/three"):
                Path(folder, place).write_bytes(os.urandom(100_000))
            self.assertGreaterEqual(sizes.used(folder), 300_000)
            self.assertLess(sizes.used(folder), 400_000)


if __name__ == "__main__":
    unittest.main()
