"""The choice of the database, and the variables that kv-api and the others get."""

import os
import unittest
from unittest import mock

import pytest

import support
from cluster import clusters
from kvcluster import Cluster, ClusterError


class Choice(unittest.TestCase):
    def test_a_cluster_keeps_its_database(self):
        other = {"postgres": "cockroach", "cockroach": "postgres"}[support.DATABASE]
        with clusters.temporary_cluster() as cluster:
            cluster.up(["epmd"])
            self.assertEqual(Cluster(cluster.folder.path).database, support.DATABASE)
            code, _, errors = clusters.script(
                "up", "--only", "epmd", "--database", other, cluster=cluster
            )
            self.assertEqual(code, 1)
            self.assertIn("this cluster has its data in ", errors)
            self.assertIn("--purge", errors)
            self.assertNotIn("Traceback", errors)

    @pytest.mark.once
    def test_without_a_cockroach_it_is_postgresql_and_the_other_can_not_be_chosen(self):
        with clusters.temporary_cluster() as cluster:
            base = ["--base", cluster.ports.base, "--only", "epmd"]
            code, _, errors = clusters.script(
                "up", *base, "--database", "cockroach",
                cluster=cluster, environment=clusters.shell(),
            )
            self.assertEqual(code, 1)
            self.assertIn("there is no cockroach on the PATH; KV_COCKROACH may name one", errors)
            code, _, errors = clusters.script(
                "up", *base, cluster=cluster, environment=clusters.shell()
            )
            self.assertEqual(code, 0, errors)
            self.assertEqual(cluster.folder.plan["database"], "postgres")

    @pytest.mark.once
    def test_a_kv_cockroach_that_is_not_a_program_is_named(self):
        for place in ("/nowhere/cockroach", "/tmp"):
            code, _, errors = clusters.script(
                "up", "--dir", "/nowhere", environment=clusters.shell(KV_COCKROACH=place)
            )
            self.assertEqual(code, 1)
            self.assertEqual(errors, f"error: KV_COCKROACH is {place}, and that is no program\n")

    @pytest.mark.once
    def test_an_unknown_database_is_refused(self):
        with self.assertRaisesRegex(ClusterError, "oracle is none of postgres, cockroach"):
            with clusters.temporary_cluster(database="oracle"):
                pass


@pytest.mark.once
class Settings(unittest.TestCase):
    """The settings of kv-api and the others, which warn about unknown ones."""

    SHELL = {
        "KV_COCKROACH": os.environ.get("KV_COCKROACH", ""),
        "KV_TEST_BASE": "23000",
        "KV_DOCKER_ROOT": "/var/tmp/images",
        "KV_TOKEN": "secret",
        "KV_TOKENS_FILE": "/etc/tokens",
        "KV_MISTYPED": "1",
        "KV_AUTOSCALER_API_MAX": "3",
        "COCKROACH_URL": "postgresql://elsewhere/",
    }

    def given(self, name):
        with clusters.temporary_cluster(has_autoscaler=True) as cluster:
            with mock.patch.dict(os.environ, self.SHELL):
                return cluster[name].environment()

    def test_variables_of_scripts_and_tests_are_not_settings(self):
        for name in ("kv-api-1", "kv-worker-1", "kv-autoscaler"):
            with self.subTest(name=name):
                given = self.given(name)
                for variable in ("KV_COCKROACH", "KV_TEST_BASE", "KV_DOCKER_ROOT", "KV_TOKEN"):
                    self.assertNotIn(variable, given)
                self.assertNotIn("COCKROACH_URL", given)
                # These are settings, or mistyped ones, which the program reports.
                self.assertEqual(given["KV_TOKENS_FILE"], "/etc/tokens")
                self.assertEqual(given["KV_MISTYPED"], "1")

    def test_the_autoscalers_settings_are_its_own(self):
        self.assertNotIn("KV_AUTOSCALER_API_MAX", self.given("kv-worker-1"))
        self.assertEqual(self.given("kv-autoscaler")["KV_AUTOSCALER_API_MAX"], "3")
