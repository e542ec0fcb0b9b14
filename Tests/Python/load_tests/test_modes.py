"""Each mode for two seconds on a real kv-api."""

import hashlib
import tempfile
import unittest

from load_tests.command import items, load
from support.server import Server


class Modes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def load(self, *words, **more):
        return load(*words, "--url", self.server.url, **more)

    def test_all(self):
        result = self.load("all", "--duration", "2", "--keys", "1000", "--users", "16")
        self.assertEqual(result.code, 0, result)
        statuses = {"put": {"200"}, "get": set(), "mixed": {"200", "201", "204", "404"},
                    "delete": {"204"}}
        for name, expected in statuses.items():
            with self.subTest(mode=name):
                mode = result.mode(name)
                self.assertGreater(mode["per_second"], 0)
                self.assertAlmostEqual(mode["seconds"], 2, delta=1)
                self.assertEqual(mode["errors"]["total"], 0, mode["errors"])
                self.assertEqual(len(mode["series"]), 2)
                self.assertLessEqual(expected, set(mode["answers"]))
                times = mode["latency_ms"]
                self.assertTrue(0 < times["p50"] <= times["p95"] <= times["p99"] <= times["max"])
                self.assertRegex(result.output, rf"(?m)^{name} +[\d,]+ ")
        # A thread that has deleted all of its keys may get 404 while it stops.
        self.assertLessEqual(set(result.mode("delete")["answers"]), {"204", "404"})
        self.assertEqual(items(self.server, "load-test/"), [], "keys were left behind")
        self.assertRegex(result.errors, r"put: 2 of 2 s +[\d,]+ requests/s")
        self.assert_page(result.page)

    def assert_page(self, page):
        """Checks for plots of each mode, and that nothing is loaded from elsewhere."""
        self.assertEqual(page.count("<figure>"), 8)
        self.assertEqual(page.count("<polyline"), 4 * 5)
        self.assertNotRegex(page, r"<script|<link|<img|@import|url\(|src=|href=")
        self.assertIn("prefers-color-scheme: dark", page)

    def test_few_keys_are_chosen_most_of_the_time(self):
        result = self.load("put", "--duration", "2", "--keys", "100", "--users", "8",
                           "--distribution", "zipf", "--prefix", "hot/", "--keep-keys")
        self.assertEqual(result.code, 0, result)
        # Every write adds a version; keys 1, 2, … get them in proportion to 1, 1/2^0.99, …
        versions = {
            int(item["key"].rpartition("/")[2]): item["version"] - 1
            for item in items(self.server, "hot/")
        }
        self.assertEqual(sorted(versions), list(range(1, 101)))
        total = sum(versions.values())
        weights = {number: number**-0.99 for number in versions}
        for number in (1, 2, 10):
            expected = weights[number] / sum(weights.values())
            self.assertAlmostEqual(versions[number] / total, expected, delta=0.2 * expected)

    def test_all_keys_are_chosen_alike(self):
        result = self.load("put", "--duration", "2", "--keys", "10", "--users", "8",
                           "--prefix", "even/", "--keep-keys", "--value-size", "3000")
        self.assertEqual(result.code, 0, result)
        found = items(self.server, "even/")
        versions = [item["version"] for item in found]
        self.assertLess(max(versions), 1.5 * min(versions))
        self.assertEqual({item["size"] for item in found}, {3000})

    def test_writes_may_be_queued(self):
        # A single node applies them at once and answers 200 for a replaced key, not 202.
        result = self.load("put", "--async", "--duration", "1", "--keys", "10", "--users", "2")
        self.assertEqual(result.code, 0, result)
        self.assertTrue(result.figures["asynchronous"])
        self.assertEqual(set(result.mode("put")["answers"]), {"200"})

    def test_objectives_decide_the_exit_code(self):
        words = ("get", "--duration", "1", "--keys", "10", "--users", "4")
        easy = self.load(*words, "--min-rps", "1", "--max-p99", "60000", "--max-errors", "0")
        self.assertEqual(easy.code, 0, easy)
        self.assertTrue(easy.figures["met"])
        hard = self.load(*words, "--min-rps", "1e9")
        self.assertEqual(hard.code, 1, hard)
        self.assertRegex(hard.output, r"at least 1e\+09 requests/s: MISSED \([\d,]+\)")
        self.assertIn('class="missed"', hard.page)
        self.assertFalse(hard.figures["met"])


class Tokens(unittest.TestCase):
    def test_a_token_is_sent_and_never_shown(self):
        with tempfile.NamedTemporaryFile("w", suffix=".tokens") as file:
            for token, scopes, prefix in (
                ("right", "read,write", "load-test/"),
                ("reading", "read", "*"),
            ):
                digest = hashlib.sha256(token.encode()).hexdigest()
                file.write(f"{token} {digest} {scopes} {prefix}\n")
            file.flush()
            server = Server(KV_TOKENS_FILE=file.name)
            self.addCleanup(server.stop)
            words = ("mixed", "--duration", "1", "--keys", "50", "--users", "4",
                     "--url", server.url)
            right = load(*words, KV_TOKEN="right")
            self.assertEqual(right.code, 0, right)
            self.assertEqual(right.mode("mixed")["errors"]["total"], 0)
            self.assertNotRegex(right.output + right.errors + str(right.figures), "right")
            for words_more, said in (
                ([], "This store wants a token"),
                (["--token", "wrong"], "This store wants a token, and not this one"),
                (["--token", "reading"], "The token needs the scopes read and write"),
                (["--token", "right", "--prefix", "other/"], "a key prefix that --prefix starts"),
            ):
                with self.subTest(words=words_more):
                    result = load(*words, *words_more)
                    self.assertEqual(result.code, 2, result)
                    self.assertIn(said, result.errors)
