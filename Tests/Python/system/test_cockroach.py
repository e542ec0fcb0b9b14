"""Failures of CockroachDB, on real nodes under checked load: a node dies, hangs or drains, the
quorum is lost, statements are cancelled, transactions restart."""

import collections
import contextlib
import json
import threading
import time
import uuid

import pytest

from support import wait_until
from system import running
from system.conditional import Conditional
from system.load import Load
from system.nodes import LEASE_SECONDS, Nodes


class Loads:
    """Three kinds of clients at the same time: plain writes and reads, writes with conditions, and
    writes with conditions that are repeated with an Idempotency-Key until their outcome is
    known."""

    def __init__(self, cluster, prefix):
        ports = cluster.nodes
        self.plain = Load(ports, prefix=prefix, pause=0.005, asynchronous=0.1, timeout=30)
        self.conditional = Conditional(ports, f"{prefix}-conditional")
        self.idempotent = Conditional(ports, f"{prefix}-idempotent", is_idempotent=True)
        self.all = [self.plain, self.conditional, self.idempotent]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for load in self.all:
                stack.enter_context(load)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    @property
    def counts(self):
        """The number of commits of each."""
        return [self.plain.seen(200, 201), self.conditional.committed, self.idempotent.committed]

    def wait_until_served(self, seconds=60):
        """Waits until each has committed more writes."""
        goals = [count + more for count, more in zip(self.counts, (100, 5, 5))]

        def is_served():
            for load in self.all:
                if load.violations:
                    raise load.violations[0]
            return all(count >= goal for count, goal in zip(self.counts, goals))

        try:
            wait_until(is_served, seconds, "load that is served")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self}") from None

    def __str__(self):
        return f"{[dict(load.statuses) for load in self.all]}, slowest {self.plain.slowest:.1f} s"


@pytest.mark.only_on("cockroach")
class CockroachDB(running.Case):
    """Tests in which the database, or a part of it, fails."""

    def setUp(self):
        super().setUp()
        self.nodes = Nodes(self.cluster.folder)
        self.nodes.wait_until_whole()

    def tearDown(self):
        super().tearDown()
        self.nodes.wait_until_whole()

    @contextlib.contextmanager
    def endured(self):
        """Runs load on both kv-api during a failure. Afterwards everything works as before, and no
        promise was broken."""
        with Loads(self.cluster, self.prefix) as loads:
            loads.wait_until_served()
            yield loads
            self.cluster.wait_until_healthy()
            self.nodes.wait_until_whole()
            loads.wait_until_served()
        for load in loads.all:
            self.assertClean(load)
            load.check_last(self.client)
        # A plain write is applied or queued, and never refused; no connection breaks.
        puts = {status for method, status in loads.plain.statuses if method == "PUT"}
        self.assertLessEqual(puts, {200, 201, 202}, loads)
        self.assertEqual(loads.plain.errors, [])
        self.assertLessEqual(set(loads.conditional.statuses), {200, 201, 202, 412, 503, "unknown"})
        self.assertLessEqual(set(loads.idempotent.statuses), {200, 201, 409, 503, "unknown"})
        # Two seconds for the database, and more on a busy machine.
        self.assertLess(loads.plain.slowest, 8)


class OneNode(CockroachDB):
    """One of three nodes fails: the others serve, at the latest once its leases have expired."""

    def test_killed(self):
        """The leaseholder of the entries is killed: another takes over within seconds."""
        with self.endured() as loads:
            victim = self.nodes.leaseholder()
            with self.cluster.without(victim, "kill"):
                wait_until(
                    lambda: self.holder_among(self.nodes.others(victim)),
                    LEASE_SECONDS, "another leaseholder")
                # While it is still down, the others serve everything.
                loads.wait_until_served(30)

    def holder_among(self, names):
        """Whether one of these has the lease; false while it is unknown."""
        try:
            return self.nodes.leaseholder() in names
        except (AssertionError, StopIteration):
            return False

    def test_paused(self):
        """The leaseholder hangs for longer than its lease: another takes over, and it rejoins."""
        with self.endured() as loads:
            victim = self.nodes.leaseholder()
            with self.cluster.without(victim, "pause"):
                wait_until(
                    lambda: self.holder_among(self.nodes.others(victim)),
                    LEASE_SECONDS, "another leaseholder")
                loads.wait_until_served(30)

    def test_paused_for_a_moment(self):
        """The leaseholder hangs repeatedly for less than its lease: it keeps the lease."""
        with self.endured():
            for _ in range(4):
                with self.cluster.without(self.nodes.leaseholder(), "pause"):
                    time.sleep(3)
                time.sleep(1)

    def test_drained(self):
        """A node drains and refuses clients (57P01): they use the others."""
        with self.endured() as loads:
            victim = self.nodes.leaseholder()
            self.nodes.drain(victim)
            self.assertIn(self.nodes.leaseholder(), self.nodes.others(victim))
            loads.wait_until_served(30)
            self.cluster.command("stop", victim)
            self.cluster.command("start", victim)

    def test_replaced_one_by_one(self):
        """All nodes are restarted one after the other, as in an upgrade: all requests are
        served."""
        with self.endured():
            self.cluster.command("restart", "cockroach")


class Quorum(CockroachDB):
    """Two of three nodes fail: no write can be committed, and none is lost."""

    def test_killed(self):
        """Two nodes are killed: plain writes are queued, and applied once one of them is back."""
        with self.endured() as loads:
            victims = self.nodes.others(self.nodes.names[0])
            self.cluster.command("kill", *victims)
            self.queues(loads)
            # Two of three are a quorum again.
            self.cluster.command("start", victims[0])
            loads.wait_until_served()
            self.cluster.command("start", victims[1])

    def test_paused(self):
        """Two nodes hang: the same, although no connection breaks."""
        with self.endured() as loads:
            victims = self.nodes.others(self.nodes.names[0])
            self.cluster.command("pause", *victims)
            self.queues(loads)
            self.cluster.command("resume", *victims)

    def queues(self, loads):
        """Without a quorum, every kv-api reports the database as unhealthy and queues writes."""
        wait_until(
            lambda: all(
                self.cluster.health(port)["database"] == "unhealthy" for port in self.cluster.nodes
            ), 30, "unhealthy database")
        before = loads.plain.statuses["PUT", 202]
        wait_until(
            lambda: loads.plain.statuses["PUT", 202] > before + 50, 30, "queued writes")
        strict = self.client.put(self.key("strict"), "1", Prefer="handling=strict")
        self.assertEqual(strict.status, 503, strict)
        self.assertTrue(strict.headers["Retry-After"])


class Statements(CockroachDB):
    """The nodes are healthy, but statements fail."""

    def test_cancelled(self):
        """All running statements of kv-api and kv-worker are cancelled repeatedly (57014)."""
        cancelled, stopping = [], threading.Event()

        def cancel():
            while not stopping.wait(0.05):
                cancelled.extend(self.nodes.cancel_queries("kv"))

        with self.endured() as loads:
            thread = threading.Thread(target=cancel)
            thread.start()
            try:
                wait_until(lambda: len(cancelled) > 100, 60, "cancelled statements")
            finally:
                stopping.set()
                thread.join()
        self.assertGreater(loads.plain.seen(200, 201), 100)

    def test_sessions_ended(self):
        """All sessions of kv-api and kv-worker are ended repeatedly: they reconnect."""
        with self.endured():
            for _ in range(5):
                self.nodes.cancel_sessions("kv")
                time.sleep(1)

    def test_contended(self):
        """Atomic batches of the same keys in different orders: each is applied once, as a whole."""
        self.batches_happen_once()

    def test_pushed_aside(self):
        """The same while transactions of high priority abort them (40001)."""
        stopping, pushes = threading.Event(), []

        def push():
            # With pauses: without them, CockroachDB would serve only these transactions.
            while not stopping.wait(0.1):
                # Changes no value, but makes concurrent transactions restart.
                rows = self.nodes.try_sql(
                    "BEGIN PRIORITY HIGH; UPDATE entries SET value = value "
                    f"WHERE key >= '{self.prefix}-' AND key < '{self.prefix}.'; COMMIT")
                pushes.append(rows is not None)

        before = self.nodes.restarts()
        thread = threading.Thread(target=push)
        thread.start()
        try:
            self.batches_happen_once()
        finally:
            stopping.set()
            thread.join()
        self.assertGreater(pushes.count(True), 3)
        self.assertGreater(self.nodes.restarts(), before)

    def batches_happen_once(self, writers=8, rounds=10):
        """Sends atomic batches of four keys from many clients, and repeats refused ones with their
        Idempotency-Key. In the end all keys have the value of the same batch."""
        keys = [self.key(number) for number in range(4)]
        answers = []

        def send(client, document):
            headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{uuid.uuid4()}"'}
            end = time.monotonic() + 60
            while True:
                answer = client.request("POST", "/batch", document, headers)
                answers.append(answer)
                if answer.status == 200 or time.monotonic() > end:
                    return
                time.sleep(0.1)

        def write(number):
            client = self.cluster.client(timeout=60)
            order = keys[number % 4:] + keys[:number % 4]
            for _ in range(rounds):
                operations = [{"op": "put", "key": key, "value": str(number)} for key in order]
                send(client, json.dumps({"atomic": True, "operations": operations}))
            client.close()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = collections.Counter(answer.status for answer in answers)
        # 409: the first attempt is still running.
        self.assertLessEqual(set(statuses), {200, 409, 503}, statuses)
        self.assertEqual(statuses[200], writers * rounds, statuses)
        entries = [self.client.get(key, Cache_Control="no-cache") for key in keys]
        self.assertEqual(len({entry.body for entry in entries}), 1, entries)
        for key in keys:
            version = json.loads(self.client.put(key, "end").body)["version"]
            self.assertEqual(version, statuses[200] + 1)
