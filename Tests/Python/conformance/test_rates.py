"""The rate of a token, at a whole process with several loops."""

import concurrent.futures
import hashlib
import http.client
import os
import re
import signal
import tempfile
import time

from conformance.calls import Case, call
from conformance.stream import Watch
from support.server import Server


def lines(**tokens):
    return "".join(
        f"{name} {hashlib.sha256(name.encode()).hexdigest()} read,write,admin {rest}\n"
        for name, rest in tokens.items())


class Rates(Case):
    def setUp(self):
        super().setUp()
        file = tempfile.NamedTemporaryFile("w", prefix="kv-tokens-", suffix=".txt")
        self.addCleanup(file.close)
        self.path = file.name
        self.write(slow="* 2", quick="* 50", free="* -")
        self.server = Server(KV_TOKENS_FILE=self.path, KV_LOOPS="4")
        self.addCleanup(self.server.stop)

    def write(self, **tokens):
        with open(self.path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(lines(**tokens))

    def as_(self, token, method, target, body=None, connection=None):
        fields = {"Authorization": f"Bearer {token}"}
        return call(
            method, target, body, fields, port=self.server.port, connection=connection)

    def until_refused(self, token):
        """Asks until the token is over its rate; returns that answer."""
        end = time.monotonic() + 30
        while (answer := self.as_(token, "GET", "/whoami")).status == 200:
            self.assertLess(time.monotonic(), end, "it is never refused")
        return answer

    def metric(self, series):
        text = self.as_("free", "GET", "/metrics").body.decode()
        return float(re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)[1])

    def test_refusal(self):
        """A token over its rate is told its limit; others are not affected, and it goes on."""
        answer = self.until_refused("slow")
        self.assert_problem(answer, 429, "too-many-requests")
        self.assertEqual(answer.json["limit"], "2 requests/s")
        self.assertEqual(answer.headers["Retry-After"], "1")
        for _ in range(20):
            self.assert_status(self.as_("free", "GET", "/whoami"), 200)
        time.sleep(int(answer.headers["Retry-After"]))
        self.assert_status(self.as_("slow", "PUT", "/kv/slow", "1"), 201)
        self.assertGreaterEqual(self.metric('kv_api_refused_total{reason="rate"}'), 1)

    def test_loops_share_it(self):
        """Connections on all loops get together what the rate allows."""
        def ask(_):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            try:
                return [
                    self.as_("quick", "GET", "/whoami", connection=connection).status
                    for _ in range(50)
                ]
            finally:
                connection.close()

        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = sum(pool.map(ask, range(8)), [])
        seconds = time.monotonic() - start
        self.assertEqual(set(statuses) - {200, 429}, set())
        admitted = statuses.count(200)
        self.assertGreaterEqual(admitted, 50)
        self.assertLessEqual(admitted, 50 + 50 * seconds + 1)

    def test_body_is_not_read(self):
        """The connection of a refused write ends with the answer, in place of its body."""
        end = time.monotonic() + 30
        while (answer := self.as_("slow", "PUT", "/kv/k", "x" * 100_000)).status != 429:
            self.assertLess(time.monotonic(), end, "it is never refused")
        self.assertEqual(answer.headers["Connection"], "close")
        # What is let in keeps its connection.
        kept = self.assert_status(self.as_("free", "PUT", "/kv/k", "x"), 200)
        self.assertNotIn("Connection", kept.headers)

    def test_watch_counts_once(self):
        """Events of a stream are no requests."""
        watch = Watch("/watch", {"Authorization": "Bearer slow"}, port=self.server.port)
        self.addCleanup(watch.close)
        watch.begin()
        for number in range(20):
            self.assert_status(self.as_("free", "PUT", f"/kv/w{number}", "1"), 201)
        self.assertEqual(len(watch.take(20)), 20)

    def test_reload(self):
        """A new limit holds from SIGHUP on, and an error in the column changes nothing."""
        self.until_refused("slow")
        self.write(slow="* 1000000", quick="* 50", free="* -")
        self.server.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: self.as_("slow", "GET", "/whoami").status == 200)
        for _ in range(50):
            self.assert_status(self.as_("slow", "GET", "/whoami"), 200)
        self.write(slow="* much")
        self.server.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: any("column 5, requests/s" in line for line in self.server.log))
        self.assert_status(self.as_("free", "GET", "/whoami"), 200)

    def wait_for(self, condition):
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end, "it has not come to pass")
