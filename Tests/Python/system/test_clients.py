"""The behaviour of one client does not affect other clients."""

import collections
import threading
import time

import pytest

from support.client import Unreachable
from system import running


class Crowd:
    """Threads that repeat a step until they are stopped."""

    def __init__(self):
        self.ending = threading.Event()
        self.threads = []
        # Statuses and errors, by name of the step.
        self.answers = collections.defaultdict(collections.Counter)

    def add(self, name, count, step):
        """`count` threads that call `step(number)`, which returns an answer."""

        def run(number):
            while not self.ending.is_set():
                try:
                    self.answers[name][step(number).status] += 1
                except Unreachable as error:
                    self.answers[name][str(error)] += 1

        self.threads += [threading.Thread(target=run, args=[number]) for number in range(count)]

    def run_for(self, seconds):
        for thread in self.threads:
            thread.start()
        time.sleep(seconds)
        self.ending.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.once
class Uploads(running.Case):
    def others(self, crowd):
        """Well-behaved clients, through Nginx."""
        clients = [self.cluster.nginx_client() for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)

        def step(number):
            key = self.key(f"other-{number}")
            time.sleep(0.01)
            client = clients[number]
            return client.put(key, "v") if number % 2 else client.request("GET", "/health/live")

        crowd.add("others", len(clients), step)

    def test_refused(self):
        """30 clients that keep sending too large values cause no errors for others."""
        crowd, body = Crowd(), bytes(7 << 20)
        self.others(crowd)
        clients = [self.cluster.nginx_client(60) for _ in range(30)]
        for client in clients:
            self.addCleanup(client.close)
        crowd.add("refused", 30, lambda number: clients[number].put(self.key("large"), body))
        crowd.run_for(10)
        self.assertEqual(set(crowd.answers["refused"]), {413}, crowd.answers)
        self.assertLessEqual(set(crowd.answers["others"]), {200, 201}, crowd.answers)
        self.assertGreater(crowd.answers["others"].total(), 50)


@pytest.mark.once
class Lists(running.Case):
    def test_large_pages(self):
        """200 clients that list 8 MiB of values at once do not make the database seem down."""
        for number in range(9):
            answer = self.client.put(self.key(f"large/{number}"), "v" * 900_000)
            self.assertEqual(answer.status, 201, answer)
        crowd, path = Crowd(), f"/kv?values=true&prefix={self.key('large/')}"
        clients = [self.cluster.client(60) for _ in range(204)]
        for client in clients:
            self.addCleanup(client.close)
        crowd.add("lists", 200, lambda number: clients[number].request("GET", path))

        def read(number):
            time.sleep(0.02)
            return clients[200 + number].get(self.key("none"), Cache_Control="no-cache")

        def write(number):
            time.sleep(0.02)
            return clients[202 + number].put(self.key(f"other-{number}"), "v")

        crowd.add("reads", 2, read)
        crowd.add("writes", 2, write)
        crowd.run_for(10)
        self.assertLessEqual(set(crowd.answers["lists"]), {200, 503}, crowd.answers)
        self.assertGreater(crowd.answers["lists"][200], 10, crowd.answers)
        self.assertEqual(set(crowd.answers["reads"]), {404}, crowd.answers)
        self.assertLessEqual(set(crowd.answers["writes"]), {200, 201}, crowd.answers)
        for port in self.cluster.nodes:
            self.assertEqual(self.cluster.health(port)["database"], "healthy")
