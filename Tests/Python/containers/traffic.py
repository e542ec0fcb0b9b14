"""Load through Nginx: reads and writes on persistent connections, with all answers counted."""

import http.client
import threading


class Load:
    """Clients with one connection each, until the `with` block ends."""

    def __init__(self, port, clients):
        self._port = port
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(clients)
        ]
        # Counts by status, or by the name of an exception.
        self.answers = {}
        self._lock = threading.Lock()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self):
        """Answers that a client may not get."""
        expected = (200, 201, 202, 404)
        return {what: count for what, count in self.answers.items() if what not in expected}

    def _run(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        turn = 0
        while not self._stop.is_set():
            turn += 1
            method = "GET" if turn % 10 else "PUT"
            outcome = self._ask(connection, method, f"/kv/load/{number}/{turn % 100}")
            with self._lock:
                self.answers[outcome] = self.answers.get(outcome, 0) + 1
        connection.close()

    @staticmethod
    def _ask(connection, method, target):
        """Sends a request. A persistent connection may be closed just as it is used; the request is
        then repeated on a new one, as by every client (RFC 9110 §9.2.2)."""
        for is_last in (connection.sock is None, True):
            try:
                connection.request(method, target, b"x" * 100 if method == "PUT" else None)
                response = connection.getresponse()
                response.read()
                return response.status
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_last:
                    return type(error).__name__
