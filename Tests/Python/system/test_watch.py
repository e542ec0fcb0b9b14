"""Watchers while brokers, servers and workers are killed, frozen and restarted under load: every
committed change is seen at least once, those of a key in the order of its revisions."""

import contextlib
import json
import time
import urllib.parse

from kvcluster import Cluster
from kvdemo.watcher import Watcher
from support import wait_until
from system import running
from system.load import Load

# How long a service is away.
AWAY = 4.0
# Until all events have come after the last service is back.
EVENTS_SECONDS = 60


class Watched(running.Case):
    @contextlib.contextmanager
    def watching(self):
        """Watchers at each kv-api, and at Nginx. Those at a kv-api come back to any."""
        nodes, nginx = self.cluster.nodes, [self.cluster.port("nginx")]
        places = [nodes, nodes[::-1], nginx]
        with contextlib.ExitStack() as stack:
            watchers = [
                stack.enter_context(Watcher(ports, self.prefix)) for ports in places
            ]
            for watcher in watchers:
                self.assertTrue(watcher.has_begun.wait(30), watcher.refusals + watcher.ends)
            yield watchers

    @contextlib.contextmanager
    def loads(self, asynchronous=0.0):
        """A load at each kv-api alone, and one that writes by both in turn; each has keys of its
        own."""
        nodes = self.cluster.nodes
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(
                    Load(
                        ports,
                        prefix=f"{self.prefix}-{'-'.join(map(str, ports))}",
                        writers=3,
                        pause=0.005,
                        asynchronous=asynchronous,
                    )
                )
                for ports in (*([port] for port in nodes), nodes)
            ]

    def versions(self):
        """How often each key has been written, and its last revision, from the database."""
        found, target = {}, f"/kv?prefix={self.prefix}&limit=1000"
        while target:
            page = json.loads(self.client.request("GET", target).body)
            found |= {item["key"]: (item["version"], item["revision"]) for item in page["items"]}
            cursor = page.get("next_cursor")
            target = cursor and (
                f"/kv?prefix={self.prefix}&limit=1000&cursor={urllib.parse.quote(cursor)}"
            )
        return {key: (int(version), int(revision)) for key, (version, revision) in found.items()}

    def settle(self, loads):
        """Ends the loads once all is well again, and waits until what was queued is applied."""
        self.cluster.wait_until_healthy()
        time.sleep(1)
        for load in loads:
            load.stopping.set()
        for load in loads:
            load.stop()
            self.assertClean(load)
            load.check_last(self.client)
            for operation in load.operations:
                self.wait_for(operation)

    def warm_up(self, watchers, loads):
        """Returns when each key has been written, and each watcher has seen it: from then on the
        nodes know what comes next."""

        def is_seen(watcher):
            seen = {key for key, _ in watcher.seen()}
            return all(h.committed and h.key in seen for load in loads for h in load.histories)

        wait_until(
            lambda: all(len(load.histories) == load.count_of_keys for load in loads), 30, "load"
        )
        wait_until(lambda: all(map(is_seen, watchers)), 60, "event of each key")

    def assert_all_seen(self, watchers, loads, is_ordered=True):
        """Each watcher has seen each commit: as many revisions of a key as it has versions. That
        includes writes whose outcome their clients never learned. Those of a key came in order,
        unless they may have been missing for too long to be waited for."""
        committed = {change for load in loads for change in load.changes}
        self.assertGreater(len(committed), 100)
        versions = self.versions()

        def lacking(watcher):
            seen = watcher.seen()
            counts = {}
            for key, _ in seen:
                counts[key] = counts.get(key, 0) + 1
            few = {
                key: (counts.get(key), version)
                for key, (version, revision) in versions.items()
                if counts.get(key, 0) < version or (key, revision) not in seen
            }
            return few, committed - seen

        for watcher in watchers:
            wait_until(
                lambda: not any(lacking(watcher)),
                EVENTS_SECONDS,
                lambda: f"events of {lacking(watcher)}; {watcher.ends}; {watcher.refusals}",
            )
            for key, (version, _) in versions.items():
                revisions = {revision for other, revision in watcher.seen() if other == key}
                self.assertEqual(len(revisions), version, key)
            if is_ordered:
                self.assertEqual(watcher.out_of_order(), [])

    def broker(self):
        return Cluster(self.cluster.folder)["rabbitmq-1"]

    def leader(self, queue):
        """The service that leads a queue."""
        for row in self.broker().control("list_queues", "name", "leader").splitlines():
            name, _, node = row.partition("\t")
            if name == queue:
                return node.partition("@")[0]
        raise AssertionError(f"there is no {queue}")


class Faults(Watched):
    def survive(self, name, way):
        """Runs load at both kv-api while a service is away."""
        with self.watching() as watchers, self.loads(asynchronous=0.2) as loads:
            self.warm_up(watchers, loads)
            with self.cluster.without(name, way):
                time.sleep(AWAY)
            self.settle(loads)
            self.assert_all_seen(watchers, loads)
        return watchers

    def test_broker_killed(self):
        """The node that leads the stream of changes is killed: another one leads it."""
        self.survive(self.leader("kv.changes"), "kill")

    def test_broker_paused(self):
        """The node that leads the stream of changes hangs."""
        self.survive(self.leader("kv.changes"), "pause")

    def test_broker_away(self):
        """All nodes of RabbitMQ hang, and come back."""
        self.survive("rabbitmq", "pause")

    def test_database(self):
        """The database is killed: queued writes become events once they are applied."""
        self.survive("database", "kill")

    def test_worker(self):
        """A worker is killed while it applies queued writes and publishes their events."""
        self.survive("kv-worker-1", "kill")

    def test_killed(self):
        """A kv-api is killed: its watchers go on at the other one, and a worker publishes what it
        had committed only."""
        watchers = self.survive("kv-api-1", "kill")
        self.assertGreater(max(watcher.streams for watcher in watchers), 1)

    def test_paused(self):
        """A kv-api hangs for a moment."""
        self.survive("kv-api-2", "pause")

    def test_rolling(self):
        """Both kv-api are replaced one after the other: watchers behind Nginx miss nothing."""
        with self.watching() as watchers:
            nginx = [self.cluster.port("nginx")]
            with Load(nginx, prefix=self.prefix, pause=0.005, asynchronous=0.2) as load:
                self.warm_up(watchers, [load])
                self.cluster.command("restart", "kv-api")
                self.cluster.command("restart", "kv-worker")
                self.settle([load])
                self.assert_all_seen(watchers, [load])
        self.assertEqual(load.errors, [])
        for watcher in watchers:
            self.assertGreater(watcher.streams, 1)
            self.assertEqual([status for status, _ in watcher.refusals if status != 503], [])

    def test_relayed(self):
        """What a kv-api committed and could not publish before it died, a worker publishes."""
        relayed = self.relayed()
        with self.watching() as watchers:
            with Load([self.cluster.nodes[0]], prefix=self.prefix, pause=0.005) as load:
                wait_until(lambda: load.seen(200, 201) > 50, 30, "load")
                self.cluster.command("pause", "rabbitmq")
                count = len(load.changes)
                wait_until(lambda: len(load.changes) > count + 50, 30, "writes without events")
                self.cluster.command("kill", "kv-api-1")
            self.cluster.command("resume", "rabbitmq")
            self.cluster.command("start", "kv-api-1")
            self.settle([load])
            self.assert_all_seen(watchers, [load])
        self.assertGreaterEqual(self.relayed() - relayed, 50)

    def relayed(self):
        return sum(
            self.cluster.metrics(f"kv-worker-{number}")["kv_worker_relayed_changes_total"]
            for number in (1, 2)
        )


class Order(Watched):
    def test_alternating(self):
        """One client writes one key by both nodes in turn, as fast as they answer."""
        key, count = self.key("hot"), 500
        with self.watching() as watchers:
            self.client.put(key, "0")
            for watcher in watchers:
                wait_until(lambda: watcher.events, 30, "event")
            revisions = [
                self.client.put(key, str(number), port=self.cluster.nodes[number % 2]).revision
                for number in range(count)
            ]
            for watcher in watchers:
                wait_until(lambda: len(watcher.events) > count, 30, "events")
                seen = [int(data["revision"]) for _, _, data in watcher.events]
                self.assertEqual(seen[1:], revisions)


class Positions(Watched):
    def one_event(self, key, port):
        """Writes a key and returns the id of its event at a node."""
        with Watcher([port], key) as watcher:
            self.assertTrue(
                watcher.has_begun.wait(EVENTS_SECONDS), watcher.refusals + watcher.ends
            )
            self.client.put(key, "x")
            wait_until(lambda: watcher.events, 30, "event")
            return watcher.events[0][0]

    def test_another_node(self):
        """A position of one node is one of the other: nothing in between is missed."""
        first, second = self.cluster.nodes
        with Watcher([first], self.prefix) as before:
            self.assertTrue(before.has_begun.wait(30), before.refusals + before.ends)
            stack = self.enterContext(contextlib.ExitStack())
            loads = stack.enter_context(self.loads())
            wait_until(lambda: len(before.events) > 100, 30, "events")
        counts = [load.seen(200, 201) for load in loads]
        wait_until(
            lambda: all(load.seen(200, 201) > count + 50 for load, count in zip(loads, counts)),
            30,
            "load",
        )
        with Watcher([second], self.prefix, before.last_id) as after:
            stack.close()
            after.events[:0] = before.events
            self.assert_all_seen([after], loads)

    def test_queued_and_expired(self):
        """Queued writes and expiries are events, the latter within ten seconds."""
        with self.watching() as watchers:
            answer = self.client.put(self.key("queued"), "x", Prefer="respond-async")
            self.assertEqual(answer.status, 202)
            queued = (self.key("queued"), self.wait_for(answer.operation)["revision"])
            answer = self.client.request("PUT", f"/kv/{self.key('soon')}?ttl=1", "x")
            self.assertEqual(answer.status, 201)
            put = time.monotonic()
            self.client.put(self.key("gone"), "x")
            self.client.delete(self.key("gone"))

            def kinds(watcher, name):
                events = watcher.events[:]
                return [kind for _, kind, data in events if data["key"] == self.key(name)]

            for watcher in watchers:
                wait_until(lambda: queued in watcher.seen(), 30, "event of a queued write")
                wait_until(lambda: "expire" in kinds(watcher, "soon"), 30, "expiry")
                # A second to live, ten until the event, and one for this test.
                self.assertLess(time.monotonic() - put, 12)
                self.assertEqual(kinds(watcher, "soon"), ["put", "expire"])
                self.assertEqual(kinds(watcher, "gone"), ["put", "delete"])
                self.assertEqual(kinds(watcher, "queued"), ["put"])

    def test_beyond_the_end(self):
        """After RabbitMQ was restored without its data, old positions lie beyond the end of the new
        stream: 410."""
        node = self.cluster.nodes[0]
        for number in range(50):
            position = self.one_event(self.key(number), node)
        self.cluster.command("stop", "kv-api", "kv-worker", "rabbitmq")
        for broker in Cluster(self.cluster.folder).of_kind("rabbitmq"):
            broker.forget()
        self.cluster.command("start", "rabbitmq", "kv-worker", "kv-api")
        # Its connections were to the processes before.
        self.client.close()
        self.cluster.wait_until_healthy()
        for port in self.cluster.nodes:
            with Watcher([port], self.prefix, position) as watcher:
                # Until the feed can be followed the answer is 503.
                wait_until(
                    lambda: watcher.streams or any(code == 410 for code, _ in watcher.refusals),
                    EVENTS_SECONDS,
                    lambda: f"decision: {watcher.refusals}, {watcher.ends}",
                )
                self.assertEqual(watcher.streams, 0, f"{position} was taken for a position")
        # Who begins again misses nothing.
        self.one_event(self.key("after"), node)

    def test_founded_anew(self):
        """RabbitMQ loses its data while kv-api runs: who watched is ended and told so (410), also
        once the new stream has the number of its position, and who comes begins within seconds."""
        with self.watching() as watchers:
            for number in range(50):
                self.client.put(self.key(number), "x")
                wait_until(
                    lambda: all(len(watcher.events) > number for watcher in watchers), 30, "event"
                )
            positions = [watcher.last_id for watcher in watchers]
            self.cluster.command("stop", "rabbitmq")
            for broker in Cluster(self.cluster.folder).of_kind("rabbitmq"):
                broker.forget()
            self.cluster.command("start", "rabbitmq")
            self.cluster.wait_until_healthy()
            for watcher, position in zip(watchers, positions):
                # Nothing has to be written for that.
                wait_until(
                    lambda: any(code == 410 for code, _ in watcher.refusals),
                    EVENTS_SECONDS,
                    lambda: f"410: {watcher.refusals[-3:]}, {watcher.ends[-3:]}",
                )
                # A node that has not noticed yet may take it on for a moment, at its old place.
                self.assertEqual(watcher.last_id, position, "it goes on in another stream")
            for port in self.cluster.nodes:
                with Watcher([port], self.prefix) as new:
                    self.assertTrue(new.has_begun.wait(AWAY), new.refusals + new.ends)
            # Its connections may have been idle for longer than servers keep them.
            self.client.close()
            # Each of these is a message of its own.
            with Watcher(self.cluster.nodes, self.prefix) as new:
                self.assertTrue(new.has_begun.wait(AWAY), new.refusals + new.ends)
                for number in range(100):
                    self.client.put(self.key(number), "y")
                    wait_until(
                        lambda: len(new.events) > number,
                        30,
                        lambda: f"event {number}: {new.refusals[-3:]}, {new.ends[-3:]}",
                    )
        for port in self.cluster.nodes:
            for position in positions:
                with Watcher([port], self.prefix, position) as watcher:
                    wait_until(lambda: watcher.streams or watcher.refusals, 30, "decision")
                    self.assertEqual(watcher.streams, 0, f"{position} was taken for a position")
                    self.assertEqual(watcher.refusals[0][0], 410, watcher.refusals)
