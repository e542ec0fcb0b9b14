"""Three nodes of CockroachDB: their program, their stop, and their replicas."""

import tempfile
import time
import unittest
from pathlib import Path

import pytest

from cluster import clusters
from kvcluster import cockroach, probes, programs
from support import wait_until


@pytest.mark.only_on("cockroach")
class Nodes(unittest.TestCase):
    """One cluster for all tests. Its program is a link, which tests remove."""

    @classmethod
    def setUpClass(cls):
        cls.link = Path(cls.enterClassContext(tempfile.TemporaryDirectory())) / "cockroach"
        cls.program = programs.cockroach()
        cls.link.symlink_to(cls.program)
        cls.cluster = cls.enterClassContext(clusters.temporary_cluster())
        cls.up("--base", cls.cluster.ports.base)
        # `up` has waited for that.
        assert cockroach.replicated(cls.cluster), cockroach.unreplicated_ranges(cls.cluster)

    @classmethod
    def up(cls, *words):
        environment = clusters.shell(KV_COCKROACH=str(cls.link))
        code, _, errors = clusters.script(
            "up", *words, "--only", "database", cluster=cls.cluster, environment=environment
        )
        assert code == 0, errors

    def setUp(self):
        self.up()

    def script(self, *words):
        """Runs scripts/cluster in a shell without `cockroach`."""
        return clusters.script(*words, cluster=self.cluster, environment=clusters.shell())

    def sql(self, statement, number=1):
        port = self.cluster[f"cockroach-{number}"].ports["SQL"]
        return probes.sql(port, statement, database="kv")

    def states(self):
        return [node.state for node in self.cluster.of_kind("cockroach")]

    def test_a_shell_that_does_not_know_the_program_starts_a_node(self):
        self.assertEqual(self.script("stop", "cockroach-3")[0], 0)
        code, _, errors = self.script("start", "cockroach-3")
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.states(), ["ready"] * 3)

    def test_a_program_that_has_vanished_is_named_with_a_way_out(self):
        self.cluster.stop(["cockroach-3"])
        self.link.unlink()
        try:
            for verb in (["start", "cockroach-3"], ["up", "--only", "database"]):
                code, _, errors = self.script(*verb)
                self.assertEqual(code, 1)
                self.assertIn(f"error: CockroachDB's program was {self.link}", errors)
                self.assertIn("KV_COCKROACH", errors)
                self.assertNotIn("Traceback", errors)
            # Commands that do not need the program still work.
            self.assertIn("cockroach-3     stopped", self.script("status")[1])
            self.assertEqual(self.script("stop", "cockroach-2")[0], 0)
            # Another one that is named replaces it.
            code, _, errors = clusters.script(
                "up", "--only", "database", cluster=self.cluster,
                environment=clusters.shell(KV_COCKROACH=self.program),
            )
            self.assertEqual(code, 0, errors)
            self.assertEqual(self.cluster.folder.plan["cockroach"], self.program)
        finally:
            self.link.symlink_to(self.program)

    def test_a_file_that_can_not_be_run_is_an_error_without_a_traceback(self):
        self.cluster.stop(["cockroach-3"])
        self.link.unlink()
        self.link.write_bytes(b"\x7fnothing that runs")
        self.link.chmod(0o755)
        try:
            code, _, errors = self.script("start", "cockroach-3")
            self.assertEqual(code, 1)
            self.assertIn(f"cockroach-3: {self.link} can't be run: Exec format error", errors)
            self.assertNotIn("Traceback", errors)
        finally:
            self.link.unlink()
            self.link.symlink_to(self.program)

    def test_nodes_have_their_own_variables_and_no_others(self):
        pid = self.cluster["cockroach-1"].pid
        found = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        given = dict(line.split("=", 1) for line in found if line.startswith(("COCKROACH_", "KV_")))
        # CockroachDB sets this one itself.
        given.pop("COCKROACH_BACKGROUND_RESTART", None)
        self.assertEqual(given, cockroach.ENVIRONMENT)

    def test_a_node_that_stops_hands_its_leases_over_first(self):
        log = self.cluster.folder.log("cockroach-2")
        before = log.read_text().count("server drained and shutdown completed")
        self.assertEqual(self.script("stop", "cockroach-2")[0], 0)
        after = log.read_text().count("server drained and shutdown completed")
        self.assertEqual(after, before + 1)
        # No statement has to wait until a lease has expired.
        start = time.monotonic()
        self.assertIsNotNone(self.sql("SELECT count(*) FROM system.users"))
        self.assertLess(time.monotonic() - start, 3)

    def test_three_nodes_that_stop_together_do_not_wait_for_each_other_and_lose_nothing(self):
        self.assertIsNotNone(self.sql("CREATE TABLE IF NOT EXISTS kept (n INT8 PRIMARY KEY)"))
        for number in range(1, 101):
            self.assertIsNotNone(self.sql(f"UPSERT INTO kept VALUES ({number})", number % 3 + 1))
        start = time.monotonic()
        self.assertEqual(self.script("stop", "database")[0], 0)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(self.states(), ["stopped"] * 3)
        self.assertEqual(self.script("start", "database")[0], 0)
        self.assertEqual(self.sql("SELECT count(*) FROM kept"), [["100"]])

    def test_a_node_without_a_quorum_of_the_others_does_not_drain_for_long(self):
        self.cluster.kill(["cockroach-1", "cockroach-2"])
        start = time.monotonic()
        self.assertEqual(self.script("stop", "cockroach-3")[0], 0)
        self.assertLess(time.monotonic() - start, 20)

    def test_missing_replicas_are_noticed_and_created_within_a_minute(self):
        self.assertIsNotNone(self.sql("CREATE TABLE copied (n INT8 PRIMARY KEY)"))
        for replicas, is_replicated in ((1, False), (3, True)):
            zone = f"ALTER TABLE copied CONFIGURE ZONE USING num_replicas = {replicas}"
            self.assertIsNotNone(self.sql(zone))
            wait_until(
                lambda: cockroach.replicated(self.cluster) is is_replicated,
                60,
                f"{replicas} replicas",
            )

    def test_without_an_answer_nothing_counts_as_replicated(self):
        self.cluster.pause(["database"])
        try:
            self.assertFalse(cockroach.replicated(self.cluster))
        finally:
            self.cluster.resume(["database"])
        wait_until(lambda: self.states() == ["ready"] * 3, 30, "readiness")
