"""Many requests on few connections."""

import threading

from kvbench.limits.abuse import get
from limits.abused import MEBIBYTE, Case, everything, in_background, statuses

PIPELINED = 100_000
PATHS, BLOCK = 20_000, 1_000
# Of a path, so that keeping it would be noticed.
PATH_BYTES = 4_000


class Floods(Case):
    def test_answers_that_nobody_reads(self):
        """A client that sends without end and never reads is held back, then disconnected."""
        self.start(KV_WRITE_TIMEOUT="2")
        before, usual = self.metrics(), self.rss_mebibytes()
        flood = self.connect(receive_bytes=4096)
        block = 10_000 * get("/kv/ordinary")
        sent, most = 0, 1_024 * MEBIBYTE

        def send():
            nonlocal sent
            try:
                while sent < most:
                    sent += flood.send(block)
            except ConnectionError:
                pass

        wait = in_background(send)
        self.assert_served()
        wait()
        self.assertLess(sent, most, "it goes on for ever")
        # What the kernels buffer, and no more.
        self.assertLess(self.rss_mebibytes() - usual, 100)
        self.assert_gone(before)

    def test_pipelined_requests_are_all_answered(self):
        """A hundred thousand on one connection, while others are served."""
        self.start()
        before = self.metrics()
        flood = self.connect()
        requests = (PIPELINED - 1) * get("/kv/ordinary")
        requests += get("/kv/ordinary", "Connection: close\r\n")
        wait = in_background(lambda: flood.sendall(requests))
        served = threading.Event()
        serving = in_background(lambda: (self.assert_served(), served.set()))
        answers = everything(flood)
        wait()
        serving()
        self.assertTrue(served.is_set())
        self.assertEqual(statuses(answers).count(200), PIPELINED)
        self.assertEqual(answers.count(b"\r\n\r\nvalue"), PIPELINED)
        self.assert_gone(before)

    def test_unknown_paths(self):
        """Thousands of long paths that nothing is at leave neither series nor memory behind."""
        self.start()
        self.ask(range(BLOCK))
        self.metrics()
        before, usual = self.metrics(), self.rss_mebibytes()
        for first in range(BLOCK, BLOCK + PATHS, BLOCK):
            self.ask(range(first, first + BLOCK))
        self.assertEqual(set(self.metrics()), set(before))
        unknown = 'kv_http_requests_total{method="GET",route="unknown",status="404"}'
        self.assertEqual(self.metrics()[unknown] - before[unknown], PATHS)
        # The paths have 76 MiB.
        self.assertGreater(PATHS * PATH_BYTES, 76 * MEBIBYTE)
        self.assertLess(self.rss_mebibytes() - usual, 40)
        self.assert_gone(before)

    def ask(self, numbers):
        client = self.connect()
        end = {numbers[-1]: "Connection: close\r\n"}
        requests = [get(f"/{number:0{PATH_BYTES}}", end.get(number, "")) for number in numbers]
        wait = in_background(lambda: client.sendall(b"".join(requests)))
        self.assertEqual(statuses(everything(client)), [404] * len(numbers))
        wait()
