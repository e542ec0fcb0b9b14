"""Each service is stopped, killed or frozen under load, and comes back. Every answer is checked."""

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

from support import free_port, wait_until
from support.client import Unreachable
from system import running
from system.load import Load

# How long a service is down.
AWAY = 4.0


class Faults(running.Case):
    def survive(self, name, way, statuses=(200, 201, 202, 404), lost=0, tolerated=0):
        """Runs load on both kv-api while `name` is down.

        `statuses` are the answers that may be given; `tolerated` is the most 503s, and `lost` the
        most connections that may break.
        """
        with Load(self.cluster.nodes, prefix=self.prefix, pause=0.002) as load:
            wait_until(lambda: load.seen(200, 201) > 100, 30, "load")
            with self.cluster.without(name, way):
                time.sleep(AWAY)
                during = dict(load.statuses)
            self.cluster.wait_until_healthy()
            time.sleep(1)
            load.stop()
        self.assertClean(load)
        load.check_last(self.client)
        others = sum(
            count
            for (_, status), count in load.statuses.items()
            if status not in (*statuses, 503, "unreachable")
        )
        self.assertEqual(others, 0, load.statuses)
        self.assertLessEqual(load.seen(503), tolerated, load.statuses)
        self.assertLessEqual(load.seen("unreachable"), lost, load.errors[:5])
        return load, during


class Cache(Faults):
    """Without Redis, reads come from the database, and only take longer."""

    def test_killed(self):
        """The Redis master is killed: a replica takes over, no error, no stale read."""
        self.survive("redis-1", "kill")

    def test_paused(self):
        """The Redis master hangs: no request waits for it, and it serves no stale entry
        afterwards."""
        load, _ = self.survive("redis-1", "pause")
        self.assertLess(load.slowest, 3)

    def test_stopped(self):
        """A Redis replica is stopped: clients notice nothing."""
        self.survive("redis-2", "stop")

    def test_sentinel(self):
        """One of three Sentinels hangs: clients notice nothing."""
        self.survive("sentinel-1", "pause")


class Alone(running.Case):
    """One kv-api can't reach a service that the others reach."""

    @contextlib.contextmanager
    def node(self, **settings):
        """Runs a kv-api with the settings of the first one and some others. Gives its port."""
        pid = self.cluster.processes()["kv-api-1"]
        words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        environment = dict(word.split("=", 1) for word in words if word)
        port = free_port()
        process = subprocess.Popen(
            [os.readlink(f"/proc/{pid}/exe")],
            env=environment | {"KV_LISTEN": f"127.0.0.1:{port}"} | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: self.serves(port), 30, "third kv-api")
            yield port
        finally:
            process.terminate()
            process.wait(30)

    def serves(self, port):
        try:
            return self.client.request("GET", "/health/ready", port=port).status == 200
        except Unreachable:
            return False

    def cached(self, key, port):
        return "hit" in self.client.get(key, port=port).headers["Cache-Status"]

    def test_without_cache(self):
        """Only one kv-api can't reach Redis: the others return what it has acknowledged."""
        key, others = self.key("k"), self.cluster.nodes
        with self.node(KV_REDIS_SENTINELS="127.0.0.1:1") as port:
            slowest = 0.0
            for number in range(30):
                before = self.client.get(key, port=others[0])
                self.assertEqual(before.status, 200 if number else 404)
                # No reply waits for a fill, and one that Redis does not take in time is given up.
                wait_until(lambda: self.cached(key, others[1]), 10, "entry in the cache")
                start = time.monotonic()
                answer = self.client.put(key, str(number), port=port)
                slowest = max(slowest, time.monotonic() - start)
                self.assertEqual(answer.status, 200 if number else 201, answer)
                for other in others:
                    self.assertEqual(self.client.get(key, port=other).body, b"%d" % number)
            self.assertLess(slowest, 2)
            repairs = sum(
                self.cluster.metrics(f"kv-worker-{number}")["kv_worker_cache_repairs_total"]
                for number in (1, 2)
            )
            self.assertGreaterEqual(repairs, 30)


class Database(Faults):
    """Without the database, writes are queued, cached keys are read, and the rest is a 503."""

    def unavailable(self, way):
        load, during = self.survive("database", way, tolerated=10**9)
        self.assertGreater(during.get(("PUT", 202), 0), 10, during)
        self.assertEqual(load.seen("unreachable"), 0, load.errors[:5])
        puts = load.statuses["PUT", 503]
        self.assertEqual(puts, 0, "a plain write is queued, not refused")
        return load

    def test_stopped(self):
        """It is stopped: plain writes are queued, and applied afterwards in their order."""
        self.unavailable("stop")

    def test_killed(self):
        """It is killed: plain writes are queued, and applied afterwards in their order."""
        self.unavailable("kill")

    def test_named_writes_through_nginx(self):
        """It hangs for 11 s: a write with an Idempotency-Key waits behind Nginx for its outcome."""
        away, answers, begun, stop = 11, [], {}, threading.Event()

        def writer(number):
            client = self.cluster.nginx_client(timeout=40)
            count = 0
            while not stop.is_set():
                count += 1
                begun[number] = start = time.monotonic()
                key = self.key(f"{number}-{count}")
                answer = client.put(key, "1", Idempotency_Key=key)
                answers.append((start, time.monotonic(), answer))
                if answer.status == 503:
                    time.sleep(0.2)
            client.close()

        def hang():
            """Makes the database hang. Returns when, or None if no commit of unknown outcome
            ran."""
            with self.cluster.without("database", "pause"):
                paused = time.monotonic()
                # All writes that were not about to commit have failed by then.
                time.sleep(8)
                if min(begun.values()) < paused:
                    time.sleep(away - 8)
                    return paused
            return None

        threads = [threading.Thread(target=writer, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            paused = None
            for _ in range(10):
                before = len(answers)
                wait_until(
                    lambda before=before: len(answers) > before + 100, 60, "writes")
                paused = hang()
                if paused:
                    break
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertIsNotNone(paused, "no commit was running")
        caught = [
            answer
            for start, end, answer in answers
            if start < paused and end > paused + away - 1
        ]
        self.assertTrue(caught, "no client waited for the outcome")
        statuses = {answer.status for answer in caught}
        if self.cluster.database == "cockroach":
            # Its leases have to move, which may take longer than kv-api tries.
            self.assertIn(201, statuses, caught)
            self.assertLessEqual(statuses, {201, 503}, caught)
        else:
            self.assertEqual(statuses, {201}, caught)

    def test_paused(self):
        """It hangs: no write waits longer than two seconds, and writes are queued."""
        load = self.unavailable("pause")
        self.assertLess(load.slowest, 5)

    def test_strict(self):
        """Without it, `handling=strict` and uncached reads are a 503 with Retry-After."""
        self.client.put(self.key("cached"), "1")
        with self.cluster.without("database", "stop"):
            wait_until(
                lambda: self.cluster.health(self.cluster.nodes[0])["database"] == "unhealthy",
                20, "unhealthy database")
            for answer in (
                self.client.put(self.key("k"), "1", Prefer="handling=strict"),
                self.client.get(self.key("absent"), port=self.cluster.nodes[0]),
                self.client.get(self.key("cached"), Cache_Control="no-cache"),
            ):
                self.assertEqual(answer.status, 503, answer)
                self.assertTrue(answer.headers["Retry-After"])
            cached = self.client.get(self.key("cached"))
            self.assertEqual((cached.status, cached.body), (200, b"1"))
            ready = self.client.request("GET", "/health/ready")
            self.assertEqual(ready.status, 503)


class Queue(Faults):
    """Without RabbitMQ, direct writes continue, and asynchronous ones are applied at once."""

    def test_one_node_killed(self):
        """One of three nodes is killed: everything continues."""
        self.survive("rabbitmq-1", "kill")

    def test_one_node_paused(self):
        """One of three nodes hangs: everything continues."""
        self.survive("rabbitmq-2", "pause")

    def test_all_stopped(self):
        """All nodes are stopped: writes with `respond-async` are applied at once, events wait."""
        self.cluster.command("kill", "rabbitmq")
        try:
            answer = self.client.put(self.key("async"), "1", Prefer="respond-async")
            self.assertIn(answer.status, (201, 202), answer)
            wait_until(
                lambda: self.client.put(
                    self.key("async"), "2", Prefer="respond-async").status == 200,
                30, "write without a queue")
            self.assertEqual(self.client.put(self.key("sync"), "1").status, 201)
            self.assertEqual(self.client.get(self.key("sync")).body, b"1")
            document = self.key("document")
            self.assertEqual(self.client.put_document(document, "1").status, 202)
            self.assertEqual(self.client.get(document).body, b"1")
            statuses = [self.client.delete_document(document).status for _ in range(2)]
            self.assertEqual(statuses, [202, 404])
        finally:
            # Together: a node that was not the last to stop waits for the others.
            self.cluster.command("start", "rabbitmq")


class JSONForm(Faults):
    """The JSON form is asynchronous, and answers the DELETE of a missing key with 404."""

    def test_delete_behind_put(self):
        """A DELETE right after a PUT is queued behind it, on any node, and the key is gone then."""
        statuses = []
        for number in range(50):
            key = self.key(f"k{number}")
            self.assertEqual(self.client.put_document(key, "1").status, 202)
            statuses.append(self.client.delete_document(key).status)
        # If two workers apply them in the other order, there is nothing to delete.
        self.assertLessEqual(set(statuses), {202, 404})
        self.assertGreater(statuses.count(202), 40, statuses)
        self.assertEqual(self.client.delete_document(self.key("never")).status, 404)
        for number in range(50):
            key = self.key(f"k{number}")
            wait_until(lambda k=key: self.client.get(k).status == 404, 30, f"end of {key}")

    def test_delete_without_workers(self):
        """While no worker runs, a DELETE is queued, and then deletes the key of its PUT."""
        key = self.key("k")
        with self.cluster.without("kv-worker", "pause"):
            self.assertEqual(self.client.put_document(key, "1").status, 202)
            answer = self.client.delete_document(key)
            self.assertEqual(answer.status, 202)
            self.assertEqual(self.operation(answer.operation)["status"], "queued")
        self.assertEqual(self.wait_for(answer.operation)["status"], "applied")
        fresh = self.client.get(key, Cache_Control="no-cache")
        self.assertEqual(fresh.status, 404)


class Processes(Faults):
    """Failures of kv-api and kv-worker."""

    def test_node_killed(self):
        """A kv-api is killed: no acknowledged write is lost, and its clients use another one."""
        # Before it is ready, a kv-api that has just started may refuse reads.
        self.survive("kv-api-1", "kill", lost=10**6, tolerated=100)

    def test_node_stopped(self):
        """A kv-api is stopped: it finishes the requests that it has begun."""
        load, _ = self.survive("kv-api-2", "stop", lost=10**6, tolerated=100)
        # The next request on an idle connection that it closed fails without being read. All
        # requests that it had read are answered.
        harmless = ("ConnectionRefused", "RemoteDisconnected", "BrokenPipe", "ConnectionReset")
        broken = [error for error in load.errors if not any(word in error for word in harmless)]
        self.assertEqual(broken, [], broken[:5])

    def test_worker_killed(self):
        """A kv-worker is killed: the other one applies its messages."""
        self.survive("kv-worker-1", "kill")

    def test_worker_paused(self):
        """A kv-worker hangs: direct reads and writes are not affected."""
        self.survive("kv-worker-2", "pause")
