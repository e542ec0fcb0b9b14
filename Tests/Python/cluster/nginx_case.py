"""What the tests of Nginx's configuration share: the real Nginx, with test servers behind it."""

import json
import unittest

import pytest

from cluster import clusters
from cluster.upstream import Upstream


@pytest.mark.once
class NginxCase(unittest.TestCase):
    """An Nginx in front of two test servers in place of kv-api."""

    # More arguments of Cluster, for the configuration of Nginx.
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(clusters.temporary_cluster(**cls.settings))
        # Nginx lists every kv-api that was started. These two are test servers.
        for number in (1, 2):
            record = '{"pid": 4194304, "started": 0, "boot": ""}'
            cls.cluster.folder.write(
                cls.cluster.folder / "run" / f"kv-api-{number}.json", record, 0o644
            )
        cls.cluster.up(["nginx"])
        cls.port = cls.cluster.ports.nginx

    def setUp(self):
        # After a failure in the last test, Nginx skips a server for a while; a restart resets that.
        self.cluster["nginx"].kill()
        self.cluster.start(["nginx"])

    def upstream(self, number, **how):
        server = Upstream(self.cluster.ports.api(number), f"kv-api-{number}", **how)
        self.addCleanup(server.close)
        return server

    def upstreams(self, **how):
        return self.upstream(1, **how), self.upstream(2, **how)

    def ask(self, method, target, *rest, **more):
        return clusters.request(self.port, method, target, *rest, **more)

    def assert_problem(self, response, body, status, name):
        self.assertEqual(response.status, status)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        document = json.loads(body)
        self.assertEqual(document["type"], f"/docs#{name}")
        self.assertEqual(document["status"], status)
        self.assertRegex(response.headers["X-Request-Id"], r"^[0-9a-f]{32}$")
        self.assertEqual(response.headers.get_all("Access-Control-Allow-Origin"), ["*"])
