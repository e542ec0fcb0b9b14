"""kv, the command line, at a cluster: queued writes, and a watch and a lock that outlive faults."""

import contextlib
import json
import threading
import time

from command.shell import kv, start
from kvdemo import watcher
from support import wait_until
from system.load import Load
from system.test_watch import AWAY, Watched


class Following:
    """`kv watch`, and what it has printed."""

    refusals = ()

    def __init__(self, url, prefix):
        self.process = start("watch", "--json", prefix, KV_URL=url)
        self.events, self.ends = [], []
        self.readers = [
            threading.Thread(target=self.read, args=(self.process.stdout, self.events)),
            threading.Thread(target=self.read, args=(self.process.stderr, self.ends)),
        ]

    def read(self, stream, lines):
        with stream:
            for line in stream:
                lines.append(line.decode())

    def __enter__(self):
        for reader in self.readers:
            reader.start()
        wait_until(lambda: self.ends, 30, "beginning of the watch")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join()

    def changes(self):
        """(key, revision) of all events so far, as they came."""
        entries = [json.loads(line)["data"] for line in self.events[:]]
        return [(entry["key"], int(entry["revision"])) for entry in entries]

    def seen(self):
        return set(self.changes())

    def out_of_order(self):
        return watcher.out_of_order(self.changes())


class Command(Watched):
    def kv(self, *words, **options):
        """Runs kv at Nginx."""
        return kv(*words, KV_URL=self.url, **options)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.cluster.port('nginx')}"

    def test_queued(self):
        """A queued write prints its operation, which tells what became of it."""
        key = self.key("a")
        done = self.kv("put", "--async", key, "one")
        operation = done.text.strip()
        self.assertIn(f"kv op {operation}", done.errors)
        self.assertEqual(self.kv("op", "--wait", "30s", operation).text, "applied\n")
        self.assertEqual(self.kv("get", "--fresh", key).text, "one")
        operation = self.kv("put", "--async", "--if-match", "1", key, "two").text.strip()
        done = self.kv("op", "--wait", "30s", operation, code=4)
        self.assertEqual(done.text, "precondition_failed\n")
        operation = self.kv("rm", "--async", key).text.strip()
        self.kv("op", "--wait", "30s", operation)
        self.kv("get", "--fresh", key, code=3)

    def test_database_away(self):
        """While the database is away a write fails, or waits in the queue if told to."""
        key = self.key("a")
        with self.cluster.without("database", "stop"):
            self.kv("put", "--retries", 0, key, "one", code=5)
            self.kv("get", "--fresh", "--retries", 0, key, code=5)
            operation = self.kv("put", "--async", self.key("b"), "two").text.strip()
            # It is sent again until the database is back.
            waiting = start("put", "--timeout", "2m", "--retries", "100", key, "three",
                            KV_URL=self.url)
        output, errors = waiting.communicate(timeout=120)
        self.assertEqual(waiting.returncode, 0, errors)
        self.cluster.wait_until_healthy()
        self.kv("op", "--wait", "1m", operation)
        self.assertEqual(self.kv("get", "--fresh", key).text, "three")
        self.assertEqual(self.kv("get", "--fresh", self.key("b")).text, "two")

    def test_prefix(self):
        """Thousands of keys are deleted in several requests, at any node."""
        for part in range(11):
            operations = [
                {"op": "put", "key": self.key(f"a/{part}/{number}"), "value": "x"}
                for number in range(1_000)
            ]
            self.kv("batch", "-", stdin=json.dumps(operations).encode())
        deleted = self.kv("rm", "--prefix", "--yes", self.key("a/")).text
        self.assertEqual(int(deleted), 11_000)
        self.assertEqual(self.kv("ls", "--count", self.key("a/")).text, "0\n")

    def survive(self, fault):
        """Watches behind Nginx while writes go on and a fault happens."""
        with contextlib.ExitStack() as stack:
            watch = stack.enter_context(Following(self.url, self.prefix))
            nginx = [self.cluster.port("nginx")]
            load = stack.enter_context(
                Load(nginx, prefix=self.prefix, pause=0.005, asynchronous=0.2))
            wait_until(lambda: load.seen(200, 201) > 50, 30, "load")
            fault()
            self.settle([load])
            self.assert_all_seen([watch], [load])
        return watch

    def away(self, name):
        with self.cluster.without(name):
            time.sleep(AWAY)

    def test_watch_and_new_servers(self):
        """A watch outlives the replacement of both kv-api, and misses nothing."""
        watch = self.survive(lambda: self.cluster.command("restart", "kv-api"))
        self.assertIn("Connected again", "".join(watch.ends))

    def test_watch_and_services(self):
        """A watch misses nothing while Redis, RabbitMQ and the database are killed in turn."""

        def faults():
            for name in ("redis-1", self.leader("kv.changes"), "database"):
                self.away(name)
                self.cluster.wait_until_healthy()

        self.survive(faults)

    def test_lock(self):
        """A lock is renewed while both kv-api are replaced, and given back at the end."""
        name = self.key("lock")
        holder = start("lock", "--ttl", "10s", name, "--", "sleep", "15", KV_URL=self.url)
        try:
            wait_until(lambda: self.client.get(name).status == 200, 20, "lock")
            self.kv("lock", name, "--", "true", code=4)
            self.cluster.command("restart", "kv-api")
            self.client.close()
            output, errors = holder.communicate(timeout=60)
            self.assertEqual(holder.returncode, 0, errors)
        finally:
            holder.kill()
            holder.communicate()
        self.kv("get", "--fresh", name, code=3)
