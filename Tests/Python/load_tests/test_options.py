"""Invalid options are refused with an explanation."""

import unittest

from load_tests.command import load, nginx
from support import free_port


class Options(unittest.TestCase):
    def test_invalid_options_are_refused(self):
        for words, said in (
            (["frobnicate"], "invalid choice: 'frobnicate'"),
            (["get", "--users", "0"], "'0' is not a number from 1 to 20,000"),
            (["get", "--users", "many"], "'many' is not a number"),
            (["get", "--keys", "0"], "'0' is not a number from 1 to"),
            (["get", "--value-size", "2000000"], "is not a number from 0 to 1,048,576"),
            (["get", "--duration", "0"], "'0' is not 1s to 24h"),
            (["get", "--duration", "soon"], "'soon' is not 1s to 24h"),
            (["get", "--url", "localhost:8080"], "is not of the form http://HOST:PORT"),
            (["get", "--url", "http://localhost:8080/kv"], "is not of the form"),
            (["get", "--url", "http://localhost:port"], "is not of the form"),
            (["get", "--min-rps", "-5"], "is not a number above 0"),
            (["get", "--max-errors", "few"], "is neither a number nor a percentage"),
            (["get", "--token-file", "/nowhere"], "No such file"),
            (["get", "--token", "two words"], "a character that no header field may have"),
            (["get", "--prefix", "p" * 1024], "choose a shorter prefix"),
        ):
            with self.subTest(words=words):
                result = load(*words)
                self.assertEqual(result.code, 2, result)
                self.assertIn(said, result.errors)

    def test_help_names_every_option_and_an_example(self):
        result = load("--help")
        self.assertEqual(result.code, 0, result)
        for word in ("--url", "--duration", "--users", "--keys", "--value-size", "zipf", "--token",
                     "--min-rps", "--max-p99", "--max-errors", "examples:", "exit code"):
            self.assertIn(word, result.output)

    def test_a_missing_store_is_reported(self):
        url = f"http://127.0.0.1:{free_port()}"
        result = load("get", "--url", url)
        self.assertEqual(result.code, 2, result)
        self.assertIn(f"nothing answers at {url}", result.errors)
        self.assertIn("make run", result.errors)

    def test_another_server_is_reported(self):
        with nginx(free_port(), "location / { return 200 hello; }") as url:
            result = load("get", "--url", url)
        self.assertEqual(result.code, 2, result)
        self.assertIn("answers, but is no such store", result.errors)
