"""The server and the browser of the suite, and what every test of it needs."""

import json
import unittest
import uuid
from urllib.parse import quote

from support.client import Client

# conftest.py sets them.
SERVER = None
BROWSER = None


class ConsoleTest(unittest.TestCase):
    """A test with keys of its own: all begin with `self.prefix`."""

    def setUp(self):
        self.browser = BROWSER
        self.server = SERVER
        self.url = SERVER.url
        self.client = Client([SERVER.port])
        self.addCleanup(self.client.close)
        self.prefix = f"t{uuid.uuid4().hex[:8]}/"
        self.browser.complaints()
        self.addCleanup(self.check_complaints)

    def check_complaints(self):
        """No test may leave an error in the browser's log, or break the page's security policy."""
        self.assertEqual(self.browser.complaints(), [])

    def open(self, view="keys", part=None):
        self.browser.open(self.url, view, part)
        return self.browser

    def put(self, key, value, ttl=None, **headers):
        """Stores a value under any key, also one that begins with a slash."""
        query = f"?ttl={ttl}" if ttl else ""
        fields = {name.replace("_", "-"): text for name, text in headers.items()}
        path = f"/kv/{quote(key, safe='')}{query}"
        value = value.encode() if isinstance(value, str) else value
        answer = self.client.request("PUT", path, value, fields)
        self.assertIn(answer.status, (200, 201), answer)
        return answer

    def get(self, key):
        return self.client.get(quote(key, safe=""), Cache_Control="no-cache")

    def put_many(self, entries):
        """Stores pairs of key and value, a thousand in each batch."""
        entries = list(entries)
        for start in range(0, len(entries), 1000):
            operations = [
                {"op": "put", "key": key, "value": value}
                for key, value in entries[start : start + 1000]
            ]
            answer = self.client.request("POST", "/batch", json.dumps({"operations": operations}))
            self.assertEqual(answer.status, 200, answer)
