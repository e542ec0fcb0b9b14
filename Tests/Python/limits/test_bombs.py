"""Requests that are made to be expensive to read."""

from kvbench.limits.bombs import DocumentBombs, HeadBombs
from limits.abused import Case, everything, statuses

TIMES = 3


class Bombs(Case):
    def setUp(self):
        self.start()
        self.before = self.metrics()

    def check(self, bombs):
        requests = list(bombs(None).requests())
        self.assertGreater(len(requests), 1)
        for number, request in enumerate(requests * TIMES):
            client = self.connect(number)
            try:
                client.sendall(request)
            except ConnectionError:
                # It was refused before its end.
                pass
            answer = everything(client)
            client.close()
            self.assertEqual(len(statuses(answer)), 1, (number, answer[:500]))
            self.assertIn(statuses(answer)[0], bombs.expected, (number, answer[:500]))
            self.assertIn(b"application/problem+json", answer)
            self.assert_served()
        self.assert_gone(self.before)

    def test_heads(self):
        """A head of 100 KB and one of a thousand fields are refused, and the refusal arrives."""
        self.check(HeadBombs)

    def test_documents(self):
        """Deep nesting, a number of a million digits, and millions of members are refused."""
        self.check(DocumentBombs)
        # The largest have 8 MB; a tree of their members must not stay.
        self.assertLess(self.rss_mebibytes(), 700)
