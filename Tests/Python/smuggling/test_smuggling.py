"""No byte string is two requests where the other server sees one, and no body is ever a request:
through Nginx, with the configuration of the cluster, and directly.

`--requests 100000` sends that many byte strings on each way, `--seed N` others.
"""

import base64
import json
import unittest

import pytest

from cluster import clusters
from smuggling.cases import Mutations
from smuggling.verdict import Trial
from smuggling.wrong import READERS, Reader, WrongServer
from support.client import Client
from support.server import Server

# So many cases are enough to find any wrong server.
CASES_FOR_WRONG = 1_000


@pytest.fixture(scope="class", autouse=True)
def options(request):
    request.cls.count = request.config.getoption("requests")
    request.cls.mutations = Mutations(request.config.getoption("seed"))


def report(trial):
    shown = "\n".join(trial.breaches[:10])
    return f"seed {trial.mutations.seed}, {len(trial.breaches)} breaches:\n{shown}"


class Servers(unittest.TestCase):
    """One kv-api, with Nginx before it."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(clusters.temporary_cluster())
        port = cls.cluster.ports.api(1)
        cls.server = cls.enterClassContext(Server(KV_LISTEN=f"127.0.0.1:{port}"))
        # Nginx lists every kv-api that was started; this one was not started by the script.
        record = json.dumps({"pid": cls.server.process.pid, "started": 0, "boot": ""})
        cls.cluster.folder.write(cls.cluster.folder / "run" / "kv-api-1.json", record, 0o644)
        cls.cluster.up(["nginx"])

    def entries(self):
        client = Client([self.server.port], timeout=60)
        cursor = ""
        while True:
            page = client.request("GET", f"/kv?prefix=&values=true&limit=1000{cursor}")
            self.assertEqual(page.status, 200, page)
            document = json.loads(page.body)
            for item in document["items"]:
                encoded = item.get("value_base64")
                value = item["value"].encode() if encoded is None else base64.b64decode(encoded)
                yield item["key"].encode(), value, item["version"]
            if "next_cursor" not in document:
                return client.close()
            cursor = f"&cursor={document['next_cursor']}"

    def logged(self):
        """The ids of all requests in Nginx's log. Each of its workers has a buffer for that, which
        it writes at its end, after its last request."""
        self.cluster.stop(["nginx"])
        path = self.cluster.folder / "logs" / "nginx-access.log"
        return {json.loads(line)["request_id"] for line in path.read_text().splitlines()}

    def test_both_ways_agree_with_what_senders_are_entitled_to(self):
        direct, through = Trial("d", self.mutations), Trial("n", self.mutations)
        numbers = range(self.count)
        direct.run(self.server.port, numbers)
        through.run(self.cluster.ports.nginx, numbers)
        logged = self.logged()
        entries = list(self.entries())
        direct.judge(entries)
        through.judge(entries, logged)
        for trial in (direct, through):
            print(
                f"way {trial.way}, seed {self.mutations.seed}: {self.count} byte strings, "
                f"{trial.both} with both requests answered, {trial.refused} refused"
            )
        for trial in (direct, through):
            self.assertEqual(trial.breaches, [], report(trial))
            # Neither all well-formed nor all hopeless.
            self.assertGreater(trial.both, self.count // 5)
            self.assertGreater(trial.refused, self.count // 5)
        self.assertIsNone(self.server.process.poll())


class Wrong(unittest.TestCase):
    """The check finds servers that are wrong."""

    def trial(self, server):
        self.addCleanup(server.close)
        trial = Trial("d", self.mutations)
        trial.run(server.port, range(CASES_FOR_WRONG))
        trial.judge(server.entries())
        return trial

    def test_a_server_that_breaks_one_rule_is_found(self):
        for reader in READERS:
            with self.subTest(reader.__doc__):
                trial = self.trial(WrongServer(reader()))
                self.assertNotEqual(trial.breaches, [], f"seed {self.mutations.seed}")

    def test_a_server_that_changes_paths_is_found(self):
        trial = self.trial(WrongServer(Reader(), merges_slashes=True))
        self.assertNotEqual(trial.breaches, [], f"seed {self.mutations.seed}")

    def test_a_server_that_breaks_no_rule_is_not_found(self):
        trial = self.trial(WrongServer(Reader()))
        self.assertEqual(trial.breaches, [], report(trial))
