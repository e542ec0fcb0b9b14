"""kv-api and kv-worker are replaced under load, as in an upgrade: no request fails, no connection
breaks, and no accepted write is lost."""

import threading

from support import wait_until
from support.client import Client, Unreachable
from system import running
from system.load import Load

# The answers that a correct client may get.
GOOD = {200, 201, 202, 404}


class Accepting:
    """Threads that queue writes of distinct keys."""

    def __init__(self, cluster, prefix, threads=4):
        self.cluster = cluster
        self.prefix = prefix
        # The operation of each key that was answered 202.
        self.operations = {}
        self.others = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(number,), daemon=True)
            for number in range(threads)
        ]

    def run(self, thread):
        client, number = self.cluster.nginx_client(), 0
        while not self.stopping.wait(0.005):
            key, number = f"{self.prefix}-{thread}-{number}", number + 1
            try:
                answer = client.put(key, key, Prefer="respond-async")
            except Exception as error:
                self.others.append(error)
                continue
            if answer.status == 202:
                self.operations[key] = answer.operation
            else:
                self.others.append(answer)
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Rolling(running.Case):
    def replace(self, *names):
        """Restarts services under load through Nginx. Returns the load and the queued writes."""
        before = self.cluster.processes()
        with (
            Load(
                [self.cluster.port("nginx")], prefix=self.prefix, pause=0.002, asynchronous=0.3
            ) as load,
            Accepting(self.cluster, self.key("queued")) as accepting,
        ):
            wait_until(lambda: load.seen(200, 201) > 100, 30, "load")
            self.cluster.command("restart", *names)
            after = self.cluster.processes()
            count = load.seen(200, 201)
            wait_until(lambda: load.seen(200, 201) > count + 100, 30, "load afterwards")
        for name, process in before.items():
            is_meant = any(name == word or name.startswith(f"{word}-") for word in names)
            (self.assertNotEqual if is_meant else self.assertEqual)(process, after[name], name)
        self.assertClean(load)
        self.assertEqual(load.errors, [])
        self.assertLessEqual({status for _, status in load.statuses}, GOOD, load.statuses)
        self.assertEqual(accepting.others, [])
        return load, accepting

    def test_everything_of_ours(self):
        """Both kv-api and both kv-worker are replaced one after the other: nothing is lost."""
        load, accepting = self.replace("kv-api", "kv-worker")
        self.assertGreater(len(load.operations), 100)
        self.assertGreater(len(accepting.operations), 100)
        load.check_last(self.client)
        for operation in load.operations:
            # A later write of the same key may have been applied before.
            self.assertIn(self.wait_for(operation)["status"], ("applied", "superseded"))
        for key, operation in accepting.operations.items():
            self.assertEqual(self.wait_for(operation)["status"], "applied", key)
            self.assertEqual(self.client.get(key).body, key.encode())

    def test_scaling(self):
        """A third kv-api starts and stops again: no request fails."""
        with Load([self.cluster.port("nginx")], prefix=self.prefix, pause=0.002) as load:
            wait_until(lambda: load.seen(200, 201) > 100, 30, "load")
            for count in ("3", "2"):
                self.cluster.command("scale", "kv-api", count)
        self.assertClean(load)
        self.assertEqual(load.errors, [])
        self.assertLessEqual({status for _, status in load.statuses}, GOOD, load.statuses)
        load.check_last(self.client)

    def test_first_writes(self):
        """A write through a kv-api that has just become ready is visible on the others at once."""
        old, new = self.cluster.nodes
        for number in range(5):
            key = self.key(number)
            self.cluster.command("stop", "kv-api-2")
            self.client.put(key, "before", port=old)
            self.assertEqual(self.client.get(key, port=old).body, b"before")
            starting = threading.Thread(target=self.cluster.command, args=("start", "kv-api-2"))
            starting.start()
            first, reader = Client([new]), Client([old])
            try:
                wait_until(lambda: is_ready(first), 30, "readiness")
                self.assertEqual(first.put(key, "after").status, 200)
                answer = reader.get(key)
                self.assertEqual(answer.body, b"after", answer.headers["Cache-Status"])
            finally:
                starting.join()
                first.close()
                reader.close()


def is_ready(client):
    try:
        return client.request("GET", "/health/ready").status == 200
    except Unreachable:
        return False
