"""Machines with wrong clocks: only the database's clock counts."""

import shutil
import subprocess
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path

from system import extra
from system import running


class Clocks(running.Case):
    def setUp(self):
        super().setUp()
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kv-clock-"))
        self.library = f"{folder}/wrong_time.so"
        compiler = shutil.which("clang") or "cc"
        source = Path(__file__).with_name("wrong_time.c")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)

    def orders_by_the_database(self, seconds):
        """Of a queued write and a plain one through different nodes, the later one wins."""
        with extra.node(
            self.cluster, LD_PRELOAD=self.library, WRONG_SECONDS=str(seconds)
        ) as wrong:
            date = parsedate_to_datetime(wrong.request("GET", "/health/live").headers["Date"])
            right = parsedate_to_datetime(
                self.client.request("GET", "/health/live").headers["Date"])
            self.assertAlmostEqual((date - right).total_seconds(), seconds, delta=30)
            for number in (1, 2):
                self.cluster.command("pause", f"kv-worker-{number}")
            try:
                first = wrong.put(self.key("overtaken"), "1", Prefer="respond-async")
                self.assertEqual(self.client.put(self.key("overtaken"), "2").status, 201)
                self.assertEqual(self.client.put(self.key("last"), "1").status, 201)
                last = wrong.put(self.key("last"), "2", Prefer="respond-async")
                self.assertEqual((first.status, last.status), (202, 202))
            finally:
                for number in (1, 2):
                    self.cluster.command("resume", f"kv-worker-{number}")
            self.assertEqual(self.wait_for(first.operation)["status"], "superseded")
            self.assertEqual(self.wait_for(last.operation)["status"], "applied")
            for name in ("overtaken", "last"):
                answer = self.client.get(self.key(name), Cache_Control="no-cache")
                self.assertEqual(answer.body, b"2", name)
            # An entry that has not expired is returned, also from the cache.
            self.assertEqual(wrong.put(self.key("living") + "?ttl=600", "1").status, 201)
            for _ in range(2):
                self.assertEqual(wrong.get(self.key("living")).status, 200)

    def test_ahead(self):
        """A kv-api whose clock is an hour ahead overwrites no later write."""
        self.orders_by_the_database(3_600)

    def test_behind(self):
        """A write accepted by a kv-api whose clock is an hour behind is not taken for an old
        one."""
        self.orders_by_the_database(-3_600)
