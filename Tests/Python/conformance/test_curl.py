"""curl, with its usual options."""

import json
import subprocess
import unittest

from conformance import server


def curl(*arguments, stdin=None):
    """Runs curl; returns its output and its log (-v)."""
    done = subprocess.run(
        ["curl", "-sS", "-v", "--max-time", "30", *arguments],
        input=stdin,
        capture_output=True,
        check=True,
    )
    return done.stdout, done.stderr.decode(errors="replace")


def url(path):
    return server.URL + path


class Curl(unittest.TestCase):
    def test_data(self):
        """A value sent with --data comes back as plain text."""
        _, log = curl("-X", "PUT", "--data", "Hello", url("/kv/curl/data"))
        self.assertIn("< HTTP/1.1 201", log)
        body, log = curl(url("/kv/curl/data"))
        self.assertEqual(body, b"Hello")
        self.assertIn("content-type: text/plain; charset=utf-8", log.lower())

    def test_keep_alive(self):
        """Ten requests share one connection."""
        targets = [url("/health/live")] * 10
        output, log = curl("-w", "\n%{num_connects}\n", *targets)
        self.assertEqual(log.count("< HTTP/1.1 200"), 10)
        self.assertEqual(output.decode().split("\n")[1::2], ["1"] + ["0"] * 9)

    def test_expect(self):
        """An upload with `Expect: 100-continue` is told to continue."""
        value = b"x" * 1_000_000
        _, log = curl(
            "-T", "-", "-H", "Expect: 100-continue", "-H", f"Content-Length: {len(value)}",
            "-H", "Transfer-Encoding:", url("/kv/curl/expect"), stdin=value,
        )  # fmt: skip
        self.assertIn("< HTTP/1.1 100", log)
        self.assertIn("< HTTP/1.1 201", log)
        self.assertEqual(curl(url("/kv/curl/expect"))[0], value)

    def test_expect_too_large(self):
        """An upload that is too large is refused before it is sent."""
        _, log = curl(
            "-T", "-", "-H", "Expect: 100-continue", "-H", "Content-Length: 1048577",
            "-H", "Transfer-Encoding:", url("/kv/curl/large"), stdin=b"x" * 1_048_577,
        )  # fmt: skip
        self.assertIn("< HTTP/1.1 413", log)
        self.assertNotIn("< HTTP/1.1 100", log)

    def test_chunked(self):
        """A chunked upload is stored byte for byte."""
        value = bytes(range(256)) * 1_000
        _, log = curl("-T", "-", url("/kv/curl/chunked"), stdin=value)
        self.assertIn("> Transfer-Encoding: chunked", log)
        self.assertIn("< HTTP/1.1 201", log)
        self.assertEqual(curl(url("/kv/curl/chunked"))[0], value)

    def test_head(self):
        """HEAD answers with the fields of GET and no body."""
        curl("-X", "PUT", "--data", "Hello", url("/kv/curl/head"))
        _, log = curl("-I", url("/kv/curl/head"))
        self.assertIn("< HTTP/1.1 200", log)
        self.assertIn("content-length: 5", log.lower())
        self.assertIn("etag:", log.lower())

    def test_http_1_0(self):
        """HTTP/1.0 is answered and the connection closed."""
        curl("-X", "PUT", "--data", "Hello", url("/kv/curl/old"))
        body, log = curl("-0", url("/kv/curl/old"))
        self.assertEqual(body, b"Hello")
        self.assertIn("* Closing connection", log)

    def test_conditions(self):
        """Conditions decide about writes and reads."""
        path = url("/kv/curl/condition")
        _, log = curl("-X", "PUT", "-d", "1", "-H", "If-None-Match: *", path)
        self.assertIn("< HTTP/1.1 201", log)
        _, log = curl("-X", "PUT", "-d", "2", "-H", "If-None-Match: *", path)
        self.assertIn("< HTTP/1.1 412", log)
        _, log = curl("-I", path)
        tag = next(line for line in log.splitlines() if line.lower().startswith("< etag:"))
        _, log = curl("-H", f"If-None-Match: {tag.split(':', 1)[1].strip()}", path)
        self.assertIn("< HTTP/1.1 304", log)

    def test_odd_keys(self):
        """Dot segments, empty segments, spaces and other alphabets stay in the key."""
        for key in ["a/../b", "//c", "d%2Fe", "f%20g", "h+i", "%E2%82%AC", "j?ttl=60"]:
            target = url("/kv/curl/odd/" + key)
            curl("--path-as-is", "-X", "PUT", "-d", key, target)
            body, _ = curl("--path-as-is", target.partition("?")[0])
            self.assertEqual(body.decode(), key)

    def test_json_form(self):
        """The JSON form stores, returns and deletes."""
        document = json.dumps({"data": {"key": "curl/json", "value": "v"}})
        _, log = curl(
            "-X", "PUT", "-H", "Content-Type: application/json", "-d", document, url("/kv")
        )
        self.assertIn("< HTTP/1.1 202", log)
        body, _ = curl(url("/kv?key=curl/json"))
        self.assertEqual(json.loads(body)["data"]["value"], "v")
        _, log = curl("-X", "DELETE", url("/kv?key=curl/json"))
        self.assertIn("< HTTP/1.1 202", log)
        _, log = curl(url("/kv?key=curl/json"))
        self.assertIn("< HTTP/1.1 404", log)
