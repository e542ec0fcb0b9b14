"""The promises of the cluster, tested in interleavings that could break them."""

import json
import random
import threading
import time
from email.utils import parsedate_to_datetime

from support import wait_until
from support.client import Client, Unreachable
from system import running


class Conditions(running.Case):
    def test_exactly_one_wins(self):
        """Of 50 writers with If-Match on both nodes, exactly one wins each revision."""
        key = self.key("counter")
        first = self.client.put(key, "0")
        self.assertEqual(first.status, 201)
        wins, threads = [], []

        def writer(number):
            client = self.cluster.client()
            for _ in range(10):
                tag = client.get(key, Cache_Control="no-cache").headers["ETag"]
                answer = client.put(key, str(number), If_Match=tag)
                if answer.status == 200:
                    wins.append((tag, answer.headers["ETag"]))
                else:
                    assert answer.status == 412, answer
            client.close()

        for number in range(50):
            threads.append(threading.Thread(target=writer, args=(number,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        replaced = [before for before, _ in wins]
        self.assertEqual(len(replaced), len(set(replaced)), "a revision was replaced twice")
        version = json.loads(self.client.put(key, "end").body)["version"]
        self.assertEqual(version, len(wins) + 2)


class Queued(running.Case):
    def test_exactly_once(self):
        """10,000 queued writes while workers are killed: each is applied once and in order."""
        # One half has a key for each write; the other half has 50 keys with 100 writes each.
        single, shared, each = 5_000, 50, 100
        identifiers = {}
        lock = threading.Lock()

        def send(client, key, value):
            answer = client.put(self.key(key), value, Prefer="respond-async")
            assert answer.status == 202, answer
            with lock:
                identifiers.setdefault(key, []).append(answer.operation)

        def writer(part):
            client = self.cluster.client(timeout=30)
            for number in range(single // 10):
                send(client, f"single-{part}-{number}", "once")
                send(client, f"shared-{part * 5 + number % 5}", str(number // 5 + 1))
            client.close()

        threads = [threading.Thread(target=writer, args=(part,)) for part in range(10)]
        for thread in threads:
            thread.start()
        rng = random.Random(3)
        while any(thread.is_alive() for thread in threads):
            name = f"kv-worker-{rng.choice((1, 2))}"
            self.cluster.command("kill", name)
            time.sleep(rng.random())
            self.cluster.command("start", name)
        for thread in threads:
            thread.join()
        self.assertEqual(sum(map(len, identifiers.values())), single + shared * each)
        for key, operations in identifiers.items():
            states = [self.wait_for(operation)["status"] for operation in operations]
            # A later write of a key may overtake an earlier one through the other worker, but the
            # last one is always applied.
            self.assertLessEqual(set(states), {"applied", "superseded"}, key)
            self.assertEqual(states[-1], "applied", key)
            if key.startswith("single"):
                self.assertEqual(len(states), 1)
        entries = self.entries()
        self.assertEqual(len(entries), len(identifiers))
        for key, operations in identifiers.items():
            states = [self.operation(operation)["status"] for operation in operations]
            version, value = entries[self.key(key)]
            self.assertEqual(version, states.count("applied"), f"{key} was applied more than once")
            self.assertEqual(value, "once" if key.startswith("single") else str(each))

    def entries(self):
        """Version and value of all keys of this test."""
        found, path = {}, f"/kv?prefix={self.prefix}&limit=1000&values=true"
        while path:
            document = json.loads(self.client.request("GET", path).body)
            for item in document["items"]:
                found[item["key"]] = item["version"], item["value"]
            cursor = document.get("next_cursor")
            path = cursor and f"/kv?prefix={self.prefix}&limit=1000&values=true&cursor={cursor}"
        return found

    def test_delayed(self):
        """A delayed queued write neither undoes a newer one nor brings a deleted key back."""
        self.client.put(self.key("deleted"), "0")
        for number in (1, 2):
            self.cluster.command("pause", f"kv-worker-{number}")
        try:
            late = self.client.put(self.key("written"), "old", Prefer="respond-async")
            ghost = self.client.put(self.key("deleted"), "old", Prefer="respond-async")
            self.assertEqual((late.status, ghost.status), (202, 202))
            self.assertEqual(self.operation(late.operation)["status"], "queued")
            self.assertEqual(self.client.put(self.key("written"), "new").status, 201)
            self.assertEqual(self.client.delete(self.key("deleted")).status, 204)
        finally:
            for number in (1, 2):
                self.cluster.command("resume", f"kv-worker-{number}")
        for answer in (late, ghost):
            self.assertEqual(self.wait_for(answer.operation)["status"], "superseded")
        self.assertEqual(self.client.get(self.key("written")).body, b"new")
        self.assertEqual(self.client.get(self.key("deleted")).status, 404)

    def test_expiry(self):
        """A queued write expires at the right time, however long it waited in the queue."""
        for number in (1, 2):
            self.cluster.command("pause", f"kv-worker-{number}")
        start = time.time()
        try:
            kept = self.client.put(self.key("kept") + "?ttl=600", "1", Prefer="respond-async")
            gone = self.client.put(self.key("gone") + "?ttl=1", "1", Prefer="respond-async")
            self.assertEqual((kept.status, gone.status), (202, 202))
            time.sleep(3)
        finally:
            for number in (1, 2):
                self.cluster.command("resume", f"kv-worker-{number}")
        for answer in (kept, gone):
            self.assertEqual(self.wait_for(answer.operation)["status"], "applied")
        self.assertEqual(self.client.get(self.key("gone")).status, 404)
        expires = self.client.get(self.key("kept"), Cache_Control="no-cache").headers["Expires"]
        self.assertLess(parsedate_to_datetime(expires).timestamp(), start + 602)

    def test_wait(self):
        """`respond-async, wait` is answered like a direct write."""
        answer = self.client.put(self.key("k"), "1", Prefer="respond-async, wait=10")
        self.assertEqual(answer.status, 201, answer)
        again = self.client.put(
            self.key("k"), "2", Prefer="respond-async, wait=10", If_None_Match="*")
        self.assertEqual(again.status, 412, again)
        self.assertEqual(self.client.get(self.key("k")).body, b"1")

    def test_order_through_a_hung_database(self):
        """Writes that a hung database received do not undo those that were queued afterwards."""
        keys = [self.key(number) for number in range(20)]
        for key in keys:
            self.assertEqual(self.client.put(key, "0").status, 201)
        self.cluster.command("pause", "database")
        try:
            clients = [self.cluster.client(timeout=30) for _ in keys]
            answers = [None] * len(keys)

            def swallowed(place):
                answers[place] = clients[place].put(keys[place], "1")

            threads = [
                threading.Thread(target=swallowed, args=(place,)) for place in range(len(keys))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual({answer.status for answer in answers}, {202})
            later = [self.client.put(key, "2") for key in keys]
            self.assertEqual({answer.status for answer in later}, {202})
        finally:
            self.cluster.command("resume", "database")
        for answer in later:
            self.assertEqual(self.wait_for(answer.operation)["status"], "applied")
        for key in keys:
            self.assertEqual(self.client.get(key, Cache_Control="no-cache").body, b"2")


class Outbox(running.Case):
    def test_killed_between_commit_and_event(self):
        """The workers settle everything that nodes killed under writes leave in the outbox."""
        key = self.key("k")
        node = self.cluster.nodes[0]
        stop = threading.Event()
        attempts = [0]

        def writer():
            client = Client([node], 10)
            while not stop.is_set():
                attempts[0] += 1
                try:
                    client.put(key, str(attempts[0]))
                except Unreachable:
                    stop.wait(0.01)
            client.close()

        thread = threading.Thread(target=writer)
        thread.start()
        try:
            for _ in range(5):
                time.sleep(0.5)
                with self.cluster.without("kv-api-1", "kill"):
                    time.sleep(0.2)
        finally:
            stop.set()
            thread.join()
        # Soon both nodes return the database's value from the cache.
        fresh = self.client.get(key, port=self.cluster.nodes[1], Cache_Control="no-cache").body
        for port in self.cluster.nodes:
            wait_until(
                lambda: self.client.get(key, port=port).body == fresh, 10, "repaired cache")
        wait_until(
            lambda: all(
                self.cluster.metrics(f"kv-worker-{number}")["kv_outbox_age_seconds"] == 0
                for number in (1, 2)
            ), 20, "empty outbox")


class Original(running.Case):
    """Requests of clients of the original system get its answers."""

    def document(self, method, path, document=None):
        body = None if document is None else json.dumps(document)
        answer = self.client.request(
            method, path, body, {"Content-Type": "application/json"} if body else {})
        return answer, json.loads(answer.body)

    def test_documents(self):
        """PUT, GET and DELETE in the JSON form."""
        key = self.key("k")
        answer, document = self.document("PUT", "/kv", {"data": {"key": key, "value": "v"}})
        self.assertEqual((answer.status, document["detail"]), (202, "queued"))
        self.assertEqual(self.wait_for(document["operation"])["status"], "applied")
        answer, document = self.document("GET", f"/kv?key={key}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(document["data"]["value"], "v")
        self.assertIn(document["data"]["source"], ("cache", "database"))
        answer, document = self.document("DELETE", f"/kv?key={key}")
        self.assertEqual((answer.status, document["detail"]), (202, "queued"))
        wait_until(
            lambda: self.document("GET", f"/kv?key={key}")[0].status == 404, 20, "deletion")
        answer, document = self.document("GET", f"/kv?key={key}")
        self.assertEqual(document["detail"], "Key not found")
        answer, _ = self.document("DELETE", f"/kv?key={key}")
        self.assertEqual(answer.status, 404)
        answer, document = self.document("PUT", "/kv", {"data": {"key": key}})
        self.assertEqual((answer.status, document["detail"]), (400, "key & value required"))
