"""`make demo`, in a few seconds for each fault."""

import os
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest

import support
from cluster.clusters import free_base
from kvcluster import processes
from support import ROOT

# Until the cluster has started, and until it is gone.
PATIENCE_SECONDS = 180


class Demo(unittest.TestCase):
    """The folder, the arguments, and what is left afterwards."""

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="kv-demo-", ignore_cleanup_errors=True)
        self.place = Path(self.enterContext(place))
        # PostgreSQL's user has to get in.
        self.place.chmod(0o755)
        self.folder = self.place / "cluster"

    def start(self, *words, stdin=subprocess.DEVNULL):
        process = subprocess.Popen(
            [ROOT / "scripts/demo", "--dir", self.folder, "--base", str(free_base())]
            + ["--binaries", support.BINARIES, "--database", support.DATABASE, "--no-browser"]
            + list(words),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As Ctrl-C on a terminal reaches all processes of a group.
            start_new_session=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.terminate())
        return process

    def read_until(self, process, words):
        """The lines until one contains the words."""
        lines = []
        for line in process.stdout:
            lines.append(line)
            if words in line:
                return lines
        raise AssertionError(f"no {words!r} in:\n{''.join(lines)}")

    def assert_nothing_is_left(self):
        self.assertFalse(self.folder.exists())
        named = [
            processes.command_line(int(pid))
            for pid in os.listdir("/proc")
            if pid.isdigit() and str(self.folder) in (processes.command_line(int(pid)) or "")
        ]
        self.assertEqual(named, [])

    def test_faults_are_told_and_nothing_is_lost(self):
        process = self.start(
            "--seconds", "8", "--pause", "1", "--faults", "database,redis,kv-api,upgrade"
        )
        text = "".join(self.read_until(process, "Stopping and removing"))
        self.assertEqual(process.wait(PATIENCE_SECONDS), 0, text)
        titles = re.findall(r"^== (\d) of 4: (.*?) =+$", text, re.MULTILINE)
        self.assertEqual([number for number, _ in titles], ["1", "2", "3", "4"], text)
        for label in ("What happens", "Look at", "Promised", "Observed", "Kept"):
            self.assertEqual(len(re.findall(f"^{label} ", text, re.MULTILINE)), 4, text)
        kept = re.findall(r"writes lost: (\d+); stale reads: (\d+)", text.replace("\n", " "))
        self.assertEqual(kept, [("0", "0")] * 4, text)
        self.assertRegex(text, r"\$ scripts/cluster kill --dir \S+ redis-1\n")
        self.assertRegex(text, r"\n\d+ writes were acknowledged, 0 of them")
        # While the database was away, writes were queued.
        self.assertGreater(max(map(int, re.findall(r", (\d+) queued", text))), 5, text)
        self.assert_nothing_is_left()

    def test_it_waits_for_enter_and_an_interrupt_removes_everything(self):
        process = self.start("--step", "--seconds", "60", stdin=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        self.read_until(process, "Promised")
        process.stdin.write("\n")
        process.stdin.flush()
        self.read_until(process, "$ scripts/cluster kill")
        os.killpg(process.pid, signal.SIGINT)
        self.read_until(process, "Stopping and removing")
        self.assertEqual(process.wait(PATIENCE_SECONDS), 130)
        self.assert_nothing_is_left()


@pytest.mark.once
class Options(unittest.TestCase):
    def test_they_are_checked(self):
        for words, message in {
            ("--faults", "redis,moon"): "there is no moon; there are redis, kv-api",
            ("--seconds", "0"): "1 to 86400 seconds are possible",
            ("--seconds", "soon"): "1 to 86400 seconds are possible",
        }.items():
            done = subprocess.run(
                [ROOT / "scripts/demo", *words], capture_output=True, text=True, check=False
            )
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)

    def test_a_cluster_that_is_there_is_left_alone(self):
        with tempfile.TemporaryDirectory(prefix="kv-demo-") as folder:
            plan = Path(folder) / "cluster.json"
            plan.write_text('{"base": 26000, "database": "postgres", "replicas": {}}')
            done = subprocess.run(
                [ROOT / "scripts/demo", "--dir", folder],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn("there is a cluster in", done.stderr)
            self.assertTrue(plan.exists())
