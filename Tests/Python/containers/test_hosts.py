"""By which host kv-api is asked in the containers: with KV_AUTH=local it answers to localhost and
addresses only."""

import re
import unittest

import yaml

from support import ROOT


class Hosts(unittest.TestCase):
    def test_health_checks_ask_for_this_machine(self):
        services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        asked = {
            name: re.findall(r"https?://([^/:]+)", " ".join(service["healthcheck"]["test"]))
            for name, service in services.items()
            if "healthcheck" in service
        }
        self.assertEqual(asked["nginx"], ["127.0.0.1"])
        for name, hosts in asked.items():
            self.assertLessEqual(set(hosts), {"localhost", "127.0.0.1"}, name)
        # That of the images that are built here.
        ready = (ROOT / "scripts" / "containers" / "ready-http").read_text()
        self.assertEqual(re.findall(r"Host: ([^\\]+)", ready), ["localhost"])

    def test_prometheus_asks_for_addresses(self):
        """Its targets are the addresses that the name server lists."""
        text = (ROOT / "prometheus" / "prometheus.compose.yml").read_text()
        # What is filled in at the start is of no matter here.
        jobs = yaml.safe_load(re.sub(r"@\{\w+\}", "", text))["scrape_configs"]
        (job,) = [job for job in jobs if job["job_name"] == "kv-api"]
        self.assertEqual([found["type"] for found in job["dns_sd_configs"]], ["A"])
        self.assertNotIn("static_configs", job)

    def test_nginx_passes_on_what_the_client_asked_for(self):
        proxy = (ROOT / "nginx" / "proxy.conf").read_text()
        self.assertIn("proxy_set_header Host $kv_host;", proxy)
        http = (ROOT / "nginx" / "http.conf").read_text()
        self.assertRegex(http, r"map \$http_host \$kv_host \{\s+default \$http_host;")
