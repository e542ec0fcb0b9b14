"""Servers that are compared, with what stands behind them."""

import tempfile
import unittest
import urllib.request

import kvcluster
from kvbench.contenders import ClusterNginx, Nginx
from kvbench.load import VALUE


class ConstantAnswers(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.constant = Nginx(self.folder)
        self.addCleanup(self.constant.stop)
        # Only its configuration is used; nothing of it runs.
        control = kvcluster.Cluster(f"{self.folder}/cluster", base=29_100, database="postgres")
        self.proxy = ClusterNginx(control, self.folder, self.constant.port)
        self.addCleanup(self.proxy.stop)

    def test_the_clusters_nginx_passes_on_what_another_one_answers(self):
        # What only the cluster's configuration adds tells that the answer came through it.
        for server, policy in ((self.constant, None), (self.proxy, "no-referrer")):
            with urllib.request.urlopen(f"{server.url}kv/bench/1", timeout=10) as answer:
                self.assertEqual(answer.read().decode(), VALUE)
                self.assertEqual(answer.headers["Referrer-Policy"], policy)

    def test_it_logs_as_the_clusters_does(self):
        urllib.request.urlopen(f"{self.proxy.url}kv/bench/1", timeout=10).close()
        self.proxy.stop()
        with open(f"{self.folder}/nginx-{self.proxy.port}/access.log", encoding="utf-8") as log:
            text = log.read()
        self.assertIn('"status":200', text)
        self.assertIn(f'"upstream":"127.0.0.1:{self.constant.port}"', text)
