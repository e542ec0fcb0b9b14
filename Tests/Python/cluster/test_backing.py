"""scripts/cluster with the real services behind kv-api, one cluster for all tests."""

import json
import os
import socket
import threading
import time
import unittest

import pytest

import support
from cluster import clusters
from kvcluster import ClusterError, probes, processes
from support import wait_until

BACKING = ["backing", "nginx", "prometheus"]


class Backing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(clusters.temporary_cluster())
        start = time.monotonic()
        words = ["--base", cls.cluster.ports.base, "--database", support.DATABASE]
        code, _, errors = clusters.script(
            "up", *words, "--only", ",".join(BACKING), cluster=cls.cluster
        )
        cls.start_seconds = time.monotonic() - start
        assert code == 0, errors
        cls.progress = errors
        # The node of the database that tests stop, if there are several.
        cls.database = cls.cluster.of_kind("database")[-1].name

    def setUp(self):
        """Each test starts with all services ready."""
        self.cluster.up(BACKING)
        wait_until(self.all_ready, 30, "readiness")

    def all_ready(self):
        return all(service.state == "ready" for service in self.cluster.select(BACKING))

    def script(self, *words):
        return clusters.script(*words, cluster=self.cluster)

    def rows(self):
        _, output, _ = self.script("status", "--json")
        return {row["name"]: row for row in json.loads(output)}

    def test_it_starts_within_two_minutes_and_says_what_it_waits_for(self):
        self.assertLess(self.start_seconds, 120)
        for name in (self.database, "redis-3", "sentinel-2", "rabbitmq-1", "nginx", "prometheus"):
            self.assertRegex(self.progress, rf"  {name} ready after \d+\.\d s\n")

    def test_status_lists_everything(self):
        code, output, _ = self.script("status")
        # kv-api and kv-worker are not running, so the exit code is 1.
        self.assertEqual(code, 1)
        for service in self.cluster.select(BACKING):
            self.assertRegex(output, rf"(?m)^{service.name} +ready +{service.pid} +2\d{{4}}")
        self.assertRegex(output, r"(?m)^kv-api-1 +stopped +2\d{4}$")
        self.assertRegex(output, r"(?m)^redis-\d .*master$")
        for node in ("rabbitmq-2", *(n.name for n in self.cluster.of_kind("cockroach"))):
            self.assertRegex(output, rf"(?m)^{node} .*sees 3 of 3$")

    def test_a_second_up_changes_nothing(self):
        before = {name: row["pid"] for name, row in self.rows().items()}
        code, _, errors = self.script("up", "--only", ",".join(BACKING))
        self.assertEqual((code, errors), (0, "Everything was running already.\n"))
        self.assertEqual(before, {name: row["pid"] for name, row in self.rows().items()})

    def test_another_base_needs_another_folder(self):
        with self.assertRaisesRegex(ClusterError, "end it first"):
            type(self.cluster)(self.cluster.folder.path, self.cluster.ports.base + 100)

    def test_everything_listens_on_the_loopback_address_only(self):
        ports = range(self.cluster.ports.base, self.cluster.ports.base + 100)
        listening = set()
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table, encoding="ascii") as file:
                for fields in map(str.split, file.read().splitlines()[1:]):
                    address, port = fields[1].split(":")
                    if fields[3] == "0A" and int(port, 16) in ports:
                        listening.add(address)
        loopback = "%08X" % int.from_bytes(socket.inet_aton("127.0.0.1"), "little")
        # epmd also listens on that of IPv6, whatever its options.
        self.assertLessEqual(listening, {loopback, "00000000000000000000000001000000"})

    def test_passwords_are_required_and_only_their_owner_can_read_them(self):
        self.assertEqual((self.cluster.folder / "secrets").stat().st_mode & 0o777, 0o600)
        for name in ("redis-1", "sentinel-1", "rabbitmq-1", "logs", "nginx"):
            self.assertEqual((self.cluster.folder / name).stat().st_mode & 0o077, 0, name)
        passwords = self.cluster.folder.passwords
        for name in ("redis-1", "sentinel-1"):
            (port,) = self.cluster[name].ports.values()
            self.assertIsNone(probes.redis(port, "wrong", "PING"))
        self.assertNotIn(passwords["redis"], self.script("status")[1])
        command_lines = [processes.command_line(p.pid) for p in processes.everything()]
        for password in passwords.values():
            self.assertFalse([line for line in command_lines if password in line])

    def test_env_gives_the_settings_of_a_kv_api(self):
        code, output, _ = self.script("env")
        self.assertEqual(code, 0)
        settings = dict(line.split("=", 1) for line in output.splitlines())
        self.assertEqual(settings["KV_REDIS_SENTINELS"].count(","), 2)
        self.assertEqual(settings["KV_AMQP_URLS"].count("amqp://kv:"), 3)
        self.assertEqual(settings["KV_DATABASE_URL"], self.cluster[self.database].url)

    @pytest.mark.once
    def test_a_taken_port_is_named_with_its_use_its_holder_and_a_way_out(self):
        self.cluster.stop(["redis-2"])
        (port,) = self.cluster["redis-2"].ports.values()
        with socket.create_server(("127.0.0.1", port)):
            code, _, errors = self.script("start", "redis-2")
        self.assertEqual(code, 1)
        self.assertIn(f"port {port} (Redis of redis-2): pid {os.getpid()} (", errors)
        self.assertIn("--base", errors)

    def test_an_unknown_name_is_answered_with_the_known_ones(self):
        code, _, errors = self.script("kill", "redis-9")
        self.assertEqual(code, 1)
        first = self.cluster.of_kind("database")[0].name
        self.assertIn(f"there is no redis-9; there are {first}, ", errors)

    def test_each_service_comes_back_after_it_was_killed(self):
        for name in (self.database, "redis-2", "sentinel-3", "rabbitmq-2", "nginx", "prometheus"):
            with self.subTest(name=name):
                before = self.cluster[name].identity.members()
                self.assertEqual(self.script("kill", name)[0], 0)
                self.assertEqual(self.cluster[name].state, "dead")
                alive = [stat for stat in map(processes.stat, before) if stat and stat.is_alive]
                self.assertEqual(alive, [])
                self.assertEqual(self.script("start", name)[0], 0)
                self.assertEqual(self.cluster[name].state, "ready")

    def test_each_service_comes_back_after_it_was_stopped(self):
        for name in (self.database, "redis-2", "sentinel-3", "rabbitmq-3", "nginx", "prometheus"):
            with self.subTest(name=name):
                self.assertEqual(self.script("stop", name)[0], 0)
                self.assertEqual(self.cluster[name].state, "stopped")
                self.assertEqual(self.script("start", name)[0], 0)
                self.assertEqual(self.cluster[name].state, "ready")

    def test_a_paused_service_hangs_as_a_whole_and_continues(self):
        for name in (self.database, "redis-3", "rabbitmq-1", "nginx"):
            with self.subTest(name=name):
                service = self.cluster[name]
                self.assertEqual(self.script("pause", name)[0], 0)
                self.assertEqual(service.state, "paused")
                self.assertFalse(service.is_ready())
                states = {processes.stat(pid).state for pid in service.identity.members()}
                self.assertEqual(states, {"T"})
                # Its port still accepts connections, which makes it worse than a dead service.
                with socket.create_connection(("127.0.0.1", *list(service.ports.values())[:1]), 1):
                    pass
                self.assertEqual(self.script("resume", name)[0], 0)
                wait_until(lambda: service.state == "ready", 60, f"readiness of {name}")

    def test_a_paused_service_can_be_stopped(self):
        self.cluster.pause([self.database])
        start = time.monotonic()
        self.cluster.stop([self.database])
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual(self.cluster[self.database].state, "stopped")

    @pytest.mark.once
    def test_another_redis_takes_over_and_the_old_master_comes_back_as_a_replica(self):
        old = self.master()
        self.cluster.kill([old.name])
        wait_until(lambda: self.master() not in (None, old), 15, "new master")
        new = self.master()
        self.assertEqual(new.role, "master")
        self.cluster.start([old.name])
        # From its start on: a second master, even an empty one, could be taken for the master.
        self.assertEqual(old.role, "slave")
        self.assertEqual(self.master(), new)

    @pytest.mark.once
    def test_a_master_that_restarts_without_a_majority_of_sentinels_is_master_again(self):
        for lost in (["sentinel-1", "sentinel-2"], ["sentinel"]):
            with self.subTest(lost=lost):
                old = self.master_but_redis_1()
                self.cluster.kill(lost)
                self.cluster.stop([old.name])
                self.cluster.start([old.name])
                self.assertEqual(old.role, "master")
                for server in self.cluster.of_kind("redis"):
                    wait_until(server.is_ready, 30, f"connection of {server.name}")
                self.cluster.start(lost)
                wait_until(lambda: self.master() == old, 30, "announcement")

    def master_but_redis_1(self):
        """Not the one that is taken for the master if nothing is known."""
        if self.master().name == "redis-1":
            self.cluster.kill(["redis-1"])
            wait_until(lambda: self.master() not in (None, self.cluster["redis-1"]), 15, "master")
            self.cluster.start(["redis-1"])
        return self.master()

    def master(self):
        """The Redis that all Sentinels name."""
        ports = {sentinel.master for sentinel in self.cluster.of_kind("sentinel")}
        if len(ports) != 1:
            return None
        return self.server_at(ports.pop())

    def server_at(self, port):
        for server in self.cluster.of_kind("redis"):
            if server.ports["Redis"] == port:
                return server
        return None

    @pytest.mark.once
    def test_rabbitmq_is_one_cluster_of_three(self):
        nodes = {f"rabbitmq-{number}@localhost" for number in (1, 2, 3)}
        for node in self.cluster.of_kind("rabbitmq"):
            self.assertEqual(set(node.running_nodes()), nodes)

    @pytest.mark.once
    def test_a_rabbitmq_node_that_hung_for_long_rejoins_by_itself(self):
        self.cluster.pause(["rabbitmq-2"])
        others = self.cluster["rabbitmq-1"], self.cluster["rabbitmq-3"]
        wait_until(
            lambda: {n.detail() for n in others} == {"sees 2 of 3"},
            60,
            "loss of rabbitmq-2",
        )
        self.cluster.resume(["rabbitmq-2"])
        wait_until(lambda: len(others[0].running_nodes()) == 3, 90, "return of rabbitmq-2")

    @pytest.mark.once
    def test_a_rabbitmq_node_that_ends_while_it_starts_is_started_again(self):
        node = self.cluster["rabbitmq-2"]
        self.cluster.stop([node.name])
        result = []
        starting = threading.Thread(target=lambda: result.append(self.script("start", node.name)))
        starting.start()
        wait_until(lambda: node.is_alive, 30, "start")
        node.kill()
        starting.join()
        code, _, errors = result[0]
        self.assertEqual(code, 0, errors)
        self.assertIn("rabbitmq-2 has ended and is started again", errors)
        self.assertEqual(node.state, "ready")

    def test_all_come_back_after_a_crash_of_everything(self):
        self.cluster.kill(BACKING)
        self.assertEqual(self.script("up", "--only", ",".join(BACKING))[0], 0)
        self.assertTrue(self.all_ready())

    def test_prometheus_finds_its_targets(self):
        prometheus = self.cluster["prometheus"]
        count = 7 + len(self.cluster.of_kind("cockroach"))
        wanted = f"{count} of {count} targets up"
        wait_until(lambda: prometheus.detail() == wanted, 60, "targets")
