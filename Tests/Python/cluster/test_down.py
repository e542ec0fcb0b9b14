"""`down` leaves nothing behind."""

import os
import unittest

import pytest

import support
from cluster import clusters
from kvcluster import listeners, processes
from support import wait_until

# Services that start quickly; the others are stopped by the same code.
SOME = "database,redis,sentinel,nginx,prometheus,epmd"


class Down(unittest.TestCase):
    def test_it_leaves_nothing_behind(self):
        with clusters.temporary_cluster() as cluster:
            folder = str(cluster.folder.path)
            words = ["--base", cluster.ports.base, "--database", support.DATABASE]
            code, _, errors = clusters.script("up", *words, "--only", SOME, cluster=cluster)
            self.assertEqual(code, 0, errors)
            members = [
                pid
                for service in cluster.services
                if service.identity
                for pid in service.identity.members()
            ]
            self.assertGreater(len(members), 10)
            cluster.pause(["redis-2"])
            database = cluster.of_kind("database")[0]
            cluster.kill([database.name])

            self.assertEqual(clusters.script("down", cluster=cluster)[0], 0)
            left = [stat for stat in map(processes.stat, members) if stat and stat.is_alive]
            self.assertEqual(left, [])
            ports = range(cluster.ports.base, cluster.ports.base + 100)
            self.assertEqual([port for port in ports if listeners.is_taken(port)], [])
            self.assertTrue(list((cluster.folder / database.name / "data").iterdir()))
            self.assertEqual([s.state for s in cluster.services if s.state != "stopped"], [])

            self.assertEqual(clusters.script("down", cluster=cluster)[0], 0)
            code, output, _ = clusters.script("down", "--purge", cluster=cluster)
            self.assertEqual(code, 0)
            self.assertFalse(cluster.folder.path.exists())
            self.assertEqual(clusters.script("down", cluster=cluster)[0], 0)
            lines = [processes.command_line(process.pid) for process in processes.everything()]
            self.assertEqual([line for line in lines if folder in line], [])

    @pytest.mark.only_on("postgres")
    def test_postgres_runs_if_its_user_can_not_enter_the_folder(self):
        with clusters.temporary_cluster() as cluster:
            os.chmod(cluster.folder.path.parent, 0o700)
            cluster.up(["postgres"])
            data = (cluster.folder / "postgres" / "data").resolve()
            self.assertTrue((data / "PG_VERSION").exists())
            cluster.down(purge=True)
            self.assertFalse(data.exists())

    def test_data_and_passwords_outlive_it(self):
        with clusters.temporary_cluster() as cluster:
            cluster.up(["database", "redis", "sentinel"])
            passwords = cluster.folder.passwords
            cluster.kill(["redis-1"])
            wait_until(
                lambda: cluster["sentinel-1"].master != cluster.ports.redis(1),
                30,
                "failover",
            )
            cluster.down()
            again = cluster.up(["database", "redis", "sentinel"])
            self.assertEqual(len(again), 6 + len(cluster.of_kind("database")))
            self.assertEqual(cluster.folder.passwords, passwords)
            # All three have the same master, although it is not the previous one.
            roles = [server.role for server in cluster.of_kind("redis")]
            self.assertEqual(sorted(roles), ["master", "slave", "slave"])
            masters = {sentinel.master for sentinel in cluster.of_kind("sentinel")}
            self.assertEqual(masters, {cluster.ports.redis(roles.index("master") + 1)})

    @pytest.mark.once
    def test_another_program_with_the_same_process_id_is_left_alone(self):
        with clusters.temporary_cluster() as cluster:
            cluster.up(["redis-1"])
            service = cluster["redis-1"]
            identity = service.identity
            service.kill()
            # As if the process id had been reused: it is that of this test.
            record = '{"pid": %d, "started": %d, "boot": "%s"}'
            cluster.folder.write(
                cluster.folder / "run" / "redis-1.json",
                record % (os.getpid(), identity.started - 10**9, identity.boot),
            )
            self.assertEqual(service.state, "dead")
            cluster.down()
            self.assertEqual(service.state, "stopped")
