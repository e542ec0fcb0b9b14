"""Everyone asks for one key at the same time, just when its cached copy has gone."""

import http.client
import time

import kvcluster
from kvcluster import redis
from support import wait_until
from support.client import Client
from system import running

CLIENTS = 200
# Reads of a key share a look-up that has not begun, on each loop of each node, until the first has
# filled the cache. Without that, each client would be a read.
READS_MAX = CLIENTS // 4
READS = "kv_store_read_batch_keys_sum"


class Stampede(running.Case):
    def setUp(self):
        super().setUp()
        nodes = self.cluster.nodes
        # Connected before, so that they come at once.
        self.clients = [Client([nodes[number % 2]], timeout=60) for number in range(CLIENTS)]
        for client in self.clients:
            self.addCleanup(client.close)
            self.assertEqual(client.request("GET", "/health/live").status, 200)

    def reads(self):
        """Keys that were looked up in the database so far."""
        return sum(self.cluster.metrics(name)[READS] for name in ("kv-api-1", "kv-api-2"))

    def rush(self, key, status, body=None):
        """Every client asks for the key. Returns how often the database was asked."""
        before = self.reads()
        request = f"GET /kv/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        sockets = [one.sock for client in self.clients for one in client.connections.values()]
        self.assertEqual(len(sockets), CLIENTS)
        for one in sockets:
            one.sendall(request)
        for one in sockets:
            answer = answer_on(one)
            self.assertEqual(answer.status, status)
            content = answer.read()
            if body:
                self.assertEqual(content, body)
        return self.reads() - before

    def test_a_key_that_has_expired(self):
        """It is absent for all of them, and the database is asked once at most."""
        key = self.key("expired")
        self.assertEqual(self.client.request("PUT", f"/kv/{key}?ttl=1", "value").status, 201)
        self.assertEqual(self.client.get(key).body, b"value")
        # The time to live of an entry has no shorter unit.
        time.sleep(1.1)
        self.assertLessEqual(self.rush(key, 404), 1)

    def test_a_key_that_redis_has_lost(self):
        """A few look-ups serve all of them."""
        key = self.key("lost")
        self.client.put(key, "value")
        self.assertEqual(self.client.get(key).body, b"value")
        self.forget(key)
        reads = self.rush(key, 200, b"value")
        self.assertGreaterEqual(reads, 1)
        self.assertLessEqual(reads, READS_MAX)
        cached = lambda: self.rush(key, 200, b"value") == 0  # noqa: E731
        wait_until(cached, 60, "new copy in the cache")

    def forget(self, key):
        control = kvcluster.Cluster(self.cluster.folder)
        port = redis.master(control)
        master = next(one for one in control.of_kind("redis") if one.ports["Redis"] == port)
        copies = master.ask("KEYS", f"*{key}*")
        self.assertTrue(copies, "Redis has no copy")
        self.assertEqual(int(master.ask("UNLINK", *copies)), len(copies))


def answer_on(one):
    answer = http.client.HTTPResponse(one)
    answer.begin()
    return answer
