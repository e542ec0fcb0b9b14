"""What the tests of Nginx's configuration share. It is the real Nginx; behind it are servers that
fail where a test wants them to."""

import json
import unittest

import pytest

from cluster import clusters
from cluster.upstream import Upstream


@pytest.mark.once
class NginxCase(unittest.TestCase):
    """An Nginx in front of two kv-api that the tests play."""

    # How Nginx is configured: further arguments of Cluster.
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(clusters.temporary_cluster(**cls.settings))
        # Nginx lists every kv-api that was started; these two are played by the tests.
        for number in (1, 2):
            record = '{"pid": 4194304, "started": 0, "boot": ""}'
            cls.cluster.folder.write(
                cls.cluster.folder / "run" / f"kv-api-{number}.json", record, 0o644
            )
        cls.cluster.up(["nginx"])
        cls.port = cls.cluster.ports.nginx

    def setUp(self):
        # Nginx leaves out for a while whom it has found dead in the last test; a new start forgets.
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
