"""Stores that are rate-limited, hang or die during the measurement."""

import signal
import unittest

from load_tests.command import load, nginx
from support import free_port
from support.server import Server


class Trouble(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)

    def load(self, mode, *words, **more):
        return load(mode, "--keys", "100", "--users", "4", *words, **more)

    def test_a_rate_limit_is_distinguished_from_a_slow_store(self):
        rules = (
            f"location / {{ proxy_pass {self.server.url}; }} "
            f"location /kv/ {{ limit_req zone=slow; proxy_pass {self.server.url}; }}"
        )
        with nginx(free_port(), rules) as url:
            result = self.load("get", "--duration", "2", "--url", url, "--max-errors", "0")
        self.assertEqual(result.code, 1, result)
        mode = result.mode("get")
        self.assertGreater(mode["errors"]["by"]["429"], 0)
        self.assertNotIn("unknown status", mode["errors"]["by"])
        self.assertLess(mode["per_second"], 30)
        for place in (result.output, result.page):
            self.assertRegex(place, "(?i)answered 429: a rate limit in front of the store")

    def test_a_store_that_hangs_is_waited_for(self):
        def hang(line):
            # After the first second, for at least one whole interval.
            if "put: 1 of" in line:
                self.server.process.send_signal(signal.SIGSTOP)
            elif "put: 3 of" in line:
                self.server.process.send_signal(signal.SIGCONT)

        result = self.load("put", "--duration", "5", "--url", self.server.url, on_line=hang)
        self.assertEqual(result.code, 0, result)
        self.assertGreaterEqual(result.mode("put")["latency_ms"]["max"], 1000)
        self.assertIn("nothing was answered at all", result.output)

    def test_a_store_that_dies_is_reported_and_its_keys_are_named(self):
        def kill(line):
            if "put: 1 of" in line:
                self.server.process.kill()

        result = self.load("put", "--duration", "3", "--url", self.server.url, on_line=kill)
        self.assertEqual(result.code, 0, result)
        errors = result.mode("put")["errors"]["by"]
        self.assertGreater(errors.get("connect", 0), 0, errors)
        self.assertIn("remain in the store", result.errors)
