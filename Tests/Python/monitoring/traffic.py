"""Traffic of every kind, so that every metric has values."""

import base64
import http.client
import json
import socket
import threading
import time


class Traffic:
    """Requests through Nginx from one thread, and a watcher in another, during the block."""

    PAUSE_SECONDS = 0.1
    # A watcher leaves after this time and comes back.
    WATCH_SECONDS = 5

    def __init__(self, port, api_port):
        self._port = port
        self._api_port = api_port
        self._threads = [threading.Thread(target=self._run), threading.Thread(target=self._watch)]
        self._is_ending = threading.Event()
        # The answers to each kind of request, for messages.
        self.statuses = {}

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        number = 0
        while not self._is_ending.wait(self.PAUSE_SECONDS):
            number += 1
            try:
                self._round(number)
            except (OSError, http.client.HTTPException) as error:
                self.statuses["broken"] = repr(error)

    def _watch(self):
        while not self._is_ending.wait(self.PAUSE_SECONDS):
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
            try:
                connection.request("GET", "/watch?prefix=monitoring/")
                response = connection.getresponse()
                self.statuses[f"GET /watch {response.status}"] = time.time()
                end = time.monotonic() + self.WATCH_SECONDS
                while time.monotonic() < end and response.read1():
                    pass
            except (OSError, http.client.HTTPException) as error:
                self.statuses["broken stream"] = repr(error)
            finally:
                connection.close()

    def _round(self, number):
        key = f"/kv/monitoring/{number % 50}"
        self.request("PUT", key, f"value {number}")
        self.request("GET", key)
        self.request("GET", key, fields={"Cache-Control": "no-cache"})
        # Each of these is read from the database once.
        self.request("GET", f"/kv/monitoring/absent/{number}")
        self.request("PUT", f"/kv/monitoring/soon-gone/{number}?ttl=1", "x")
        queued = f"/kv/monitoring/queued/{number % 50}"
        self.request("PUT", queued, "x", {"Prefer": "respond-async"})
        self.request("GET", "/kv?prefix=monitoring/&limit=5")
        self.request("POST", "/batch", json.dumps(self._batch(number)), self.JSON)
        self.request("PUT", key, "y", {"If-Match": '"1"'})
        self.request("DELETE", key)
        if number % 10 == 0:
            self._refused()

    JSON = {"Content-Type": "application/json"}

    @staticmethod
    def _batch(number):
        value = base64.b64encode(b"batched").decode()
        return {
            "atomic": number % 2 == 0,
            "operations": [
                {"op": "put", "key": f"monitoring/batch/{number % 9}", "value_base64": value},
                {"op": "get", "key": f"monitoring/batch/{number % 9}"},
                {"op": "delete", "key": f"monitoring/batch/{(number + 4) % 9}"},
            ],
        }

    def request(self, method, target, body=None, fields=None):
        """Sends a request through Nginx. Returns the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
        try:
            connection.request(method, target, body, fields or {})
            response = connection.getresponse()
            response.read()
            self.statuses[f"{method} {target.partition('?')[0]} {response.status}"] = time.time()
            return response.status
        finally:
            connection.close()

    def _refused(self):
        """Sends invalid HTTP directly to kv-api."""
        with socket.create_connection(("127.0.0.1", self._api_port), 5) as connection:
            connection.sendall(b"GET /\r\nHost: a\r\n\r\n")
            connection.settimeout(5)
            connection.recv(1024)
