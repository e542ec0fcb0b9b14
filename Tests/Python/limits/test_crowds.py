"""Many connections that are slow, or do nothing."""

from kvbench.limits.abuse import get
from kvbench.limits.crowds import PIPELINED, SlowBodies, SlowHeads, SlowReaders
from limits.abused import MEBIBYTE, Case
from support import wait_until

SLOW, READERS, IDLE = 300, 100, 2_000


class Slow(Case):
    def test_slow_heads_and_bodies(self):
        """Hundreds of clients that send a byte at a time are told 408, and cost others nothing."""
        self.start(KV_HEADER_TIMEOUT="2", KV_BODY_TIMEOUT="2")
        before = self.metrics()
        clients = [self.connect(number) for number in range(2 * SLOW)]
        for number, client in enumerate(clients):
            client.sendall((SlowHeads if number % 2 else SlowBodies).begin)
        told = 'kv_http_refused_requests_total{status="408"}'

        def are_told():
            for client in clients:
                try:
                    client.send(b"x")
                except OSError:
                    # It has been told, and its connection has ended.
                    pass
            self.assert_served()
            return self.metrics()[told] >= len(clients)

        wait_until(are_told, 120, "408 for all")
        for client in clients:
            client.close()
        self.assert_gone(before)

    def test_slow_readers(self):
        """Those that do not read their pages are disconnected, and take no more memory than the
        answers of all may."""
        self.start(KV_WRITE_TIMEOUT="2", KV_ANSWER_BUFFER_BYTES="64MiB")
        value = b"v" * MEBIBYTE
        for number in range(8):
            self.client.put(f"limits/large/{number}", value)
        before = self.metrics()
        usual = self.rss_mebibytes()
        clients = [self.connect(number, receive_bytes=4096) for number in range(READERS)]
        for client in clients:
            client.sendall(SlowReaders.begin)
        most = 0

        def are_answered_and_gone():
            nonlocal most
            self.assertEqual(self.client.put("ordinary", "value").status, 200)
            most = max(most, self.rss_mebibytes())
            now = self.metrics()
            page = 'kv_http_requests_total{{method="GET",route="/kv",status="{}"}}'
            answered = sum(now.get(page.format(status), 0) for status in (200, 503))
            # Who was refused has nothing left to read, and may stay.
            return answered >= READERS and now["kv_http_answer_buffer_bytes"] == 0

        wait_until(are_answered_and_gone, 120, "end of the slow readers")
        self.assertLess(self.metrics()["kv_http_connections_open"], 1 + READERS)
        # All pages together have 3,200 MiB, and what is made of them as much again.
        self.assertLess(most - usual, 250)
        self.assertEqual(READERS * PIPELINED * 8, 3_200)
        for client in clients:
            client.close()
        self.assert_gone(before)


class Idle(Case):
    def test_thousands_of_idle_connections(self):
        """They take a place each and nothing else; all of it comes back."""
        self.start()
        before, usual = self.metrics(), self.rss_mebibytes()
        clients = [self.connect(number) for number in range(IDLE)]
        for client in clients:
            client.sendall(get("/health/live"))
        for client in clients:
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.assert_served()
        self.assertGreaterEqual(self.metrics()["kv_http_connections_open"], IDLE)
        # A buffer of 64 KiB for each would be 125 MiB.
        self.assertLess(self.rss_mebibytes() - usual, 100)
        for client in clients:
            client.close()
        self.assert_gone(before)
