"""Writes of unknown outcome: answers of the database get lost."""

import json
import threading

from support import wait_until
from system import extra
from system import running
from system.relay import Relay


class Attempts(running.Case):
    """One more kv-api connects to the database through a proxy that loses answers."""

    def setUp(self):
        super().setUp()
        self.relay = self.enterContext(Relay(extra.database_port(self.cluster)))
        self.lossy = self.enterContext(extra.node(self.cluster, database=self.relay.port))

    def fresh(self, key):
        return self.client.get(key, Cache_Control="no-cache").body

    def lose(self, send, is_done, meanwhile=lambda: None):
        """Sends a write whose answer from the database gets lost. `meanwhile` runs once it has
        taken effect. Returns the answer to the client."""
        answers = []
        wait_until(lambda: extra.is_ready(self.lossy), 30, "ready node")
        with self.relay.losing():
            thread = threading.Thread(target=lambda: answers.append(send()))
            thread.start()
            try:
                wait_until(is_done, 10, "commit")
                meanwhile()
            finally:
                thread.join()
        self.assertEqual(answers[0].status, 202, answers)
        return answers[0]

    def version(self, key):
        """Writes the key, and returns its version."""
        return json.loads(self.client.put(key, "end").body)["version"]

    def test_nothing_is_undone(self):
        """A write whose answer was lost is applied, but does not undo a later write."""
        key = self.key("k")
        self.assertEqual(self.lossy.put(key, "0").status, 201)
        answer = self.lose(
            lambda: self.lossy.put(key, "1"),
            lambda: self.fresh(key) == b"1",
            lambda: self.assertEqual(self.client.put(key, "2").status, 200))
        self.assertEqual(self.wait_for(answer.operation)["status"], "applied")
        self.assertEqual(self.fresh(key), b"2")
        self.assertEqual(self.version(key), 4)

    def test_counted_once(self):
        """Without a later write it counts once, and a read returns it at once."""
        key = self.key("k")
        self.assertEqual(self.lossy.put(key, "0").status, 201)
        answer = self.lose(lambda: self.lossy.put(key, "1"), lambda: self.fresh(key) == b"1")
        document = self.wait_for(answer.operation)
        self.assertEqual(document["status"], "applied")
        for port in self.cluster.nodes:
            wait_until(
                lambda: self.client.get(key, port=port).body == b"1", 5, "value in the cache")
        self.assertEqual(self.client.get(key).revision, document["revision"])
        self.assertEqual(self.version(key), 3)

    def test_deleted(self):
        """A delete whose answer was lost does not delete what was created later."""
        key = self.key("k")
        self.assertEqual(self.lossy.put(key, "0").status, 201)
        answer = self.lose(
            lambda: self.lossy.delete(key),
            lambda: self.client.get(key, Cache_Control="no-cache").status == 404,
            lambda: self.assertEqual(self.client.put(key, "1").status, 201))
        self.assertEqual(self.wait_for(answer.operation)["status"], "applied")
        self.assertEqual(self.fresh(key), b"1")
        self.assertEqual(self.version(key), 2)
