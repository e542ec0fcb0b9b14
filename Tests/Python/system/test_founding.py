"""The queues of a cluster whose RabbitMQ nodes start one after the other."""

import contextlib
import os
import tempfile
import unittest
from pathlib import Path

import pytest

from kvcluster import Cluster
from support import wait_until
from system import running


class Founding(unittest.TestCase):
    """A separate cluster, because queues get their replicas only once."""

    @contextlib.contextmanager
    def small_cluster(self):
        """A database, the first RabbitMQ node and a kv-api."""
        with tempfile.TemporaryDirectory(prefix="kv-cluster-tests-") as folder:
            os.chmod(folder, 0o755)
            main = running.CLUSTER
            cluster = running.Cluster(folder, int(main.base) + 100, main.database)
            try:
                cluster.up("database,epmd,rabbitmq-1,kv-api-1")
                yield cluster, Cluster(Path(folder))["rabbitmq-1"]
            finally:
                cluster.down()

    @pytest.mark.once
    def test_all_brokers(self):
        """Queues are created once all brokers have joined, with a replica on each; until then
        writes are applied at once."""
        with self.small_cluster() as (cluster, broker):
            port = cluster.port("kv-api-1")
            log = Path(cluster.folder) / "logs/kv-api-1.log"
            wait_until(
                lambda: "1 of 3 brokers in one cluster" in log.read_text(), 30, "first look")
            answer = cluster.client().put("key", "1", port=port, Prefer="respond-async")
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(broker.control("list_queues", "name").strip(), "")

            cluster.up("rabbitmq")
            nodes = {f"rabbitmq-{number}@localhost" for number in (1, 2, 3)}

            def members():
                rows = broker.control("list_queues", "name", "members").splitlines()[1:]
                return {name: set(where.strip("[]").split(", "))
                        for name, _, where in (row.partition("\t") for row in rows)}

            queues = {"kv.writes", "kv.writes.dead", "kv.changes"}
            wait_until(lambda: set(members()) == queues, 60, "queues")
            self.assertEqual(members(), dict.fromkeys(queues, nodes))
            wait_until(
                lambda: cluster.client().put(
                    "key", "2", port=port, Prefer="respond-async").status == 202,
                30, "queued write")
