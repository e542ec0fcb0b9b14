"""A client of `GET /watch` that comes back by itself, as a browser's EventSource does."""

import http.client
import json
import random
import threading


class Watcher:
    """Reads events in a thread of its own until `stop`.

    After the end of a stream it resumes at any of `ports`, with the id that it saw last.
    """

    # The server sends a comment every 15 s.
    SILENCE_SECONDS = 40
    RETRY_SECONDS = 0.2

    def __init__(self, ports, prefix="", last_id=None, values=False):
        self.ports = list(ports)
        self.target = f"/watch?prefix={prefix}" + ("&values=true" if values else "")
        self.last_id = last_id
        # Each event as (id, kind, data), as they came.
        self.events = []
        self.streams = 0
        # Answers other than 200, and how streams ended.
        self.refusals = []
        self.ends = []
        self.has_begun = threading.Event()
        self._is_stopping = threading.Event()
        self._connection = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._is_stopping.set()
        connection = self._connection
        if connection and connection.sock:
            try:
                connection.sock.shutdown(2)
            except OSError:
                pass
        self._thread.join()

    def _run(self):
        while not self._is_stopping.is_set():
            port = random.choice(self.ports)
            try:
                self._stream(port)
                self.ends.append(f"{port}: the end")
            except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
                # http.client raises AttributeError if its socket is closed while it reads.
                self.ends.append(f"{port}: {error!r}")
            self._is_stopping.wait(self.RETRY_SECONDS)

    def _stream(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self.SILENCE_SECONDS)
        self._connection = connection
        try:
            fields = {"Last-Event-ID": self.last_id} if self.last_id else {}
            connection.request("GET", self.target, headers=fields)
            answer = connection.getresponse()
            if answer.status != 200:
                self.refusals.append((answer.status, answer.read().decode("utf-8", "replace")))
                return
            self.streams += 1
            self._read(answer)
        finally:
            connection.close()

    def _read(self, answer):
        """Takes events apart, as the standard for EventSource says."""
        fields = {}
        while line := answer.readline():
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif line in (b"\n", b"\r\n"):
                self._take(fields)
                fields = {}

    def _take(self, fields):
        if "id" in fields:
            self.last_id = fields["id"]
            self.has_begun.set()
        if "data" in fields:
            self.take(fields.get("event"), json.loads(fields["data"]))

    def take(self, kind, data):
        """Keeps an event."""
        self.events.append((self.last_id, kind, data))

    # What was seen

    def seen(self):
        """The set of (key, revision) of all events so far."""
        return {(data["key"], int(data["revision"])) for _, _, data in self.events[:]}

    def out_of_order(self):
        """Changes that came for the first time after a newer one of their key."""
        return out_of_order((data["key"], int(data["revision"])) for _, _, data in self.events[:])


def out_of_order(changes):
    """Those of some changes, (key, revision) each, that came first after a newer one of their
    key."""
    newest, seen, found = {}, set(), []
    for key, revision in changes:
        if (key, revision) in seen:
            continue
        seen.add((key, revision))
        if revision < newest.get(key, 0):
            found.append((key, revision, newest[key]))
        newest[key] = max(revision, newest.get(key, 0))
    return found
