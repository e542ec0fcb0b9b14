"""A reader of Server-Sent Events, as the HTML Standard (9.2.6) reads them."""

import http.client
import json
import queue
import threading
import time

from conformance import server


class Event:
    def __init__(self, id, kind, data):
        self.id = id
        self.kind = kind
        self.data = data

    @property
    def key(self):
        return self.data["key"]

    def __repr__(self):
        return f"{self.kind} {self.id} {self.data}"


class Watch:
    """A stream that is read in the background from its creation on."""

    def __init__(self, target="/watch", headers=None, port=None):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port or server.watched_port(), timeout=120
        )
        self.connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in ({"Accept": "text/event-stream"} | (headers or {})).items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self._socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = self.response.headers
        self.comments = []
        self.retry = None
        # The id that a client would resume after.
        self.last_id = None
        # How the stream ended: None, "clean" (its last chunk) or "broken".
        self.end = None
        self._events = queue.Queue()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self._thread.start()

    def _read(self):
        try:
            kind, data, number = "", [], None
            while line := self.response.readline():
                line = line.decode().removesuffix("\n")
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if line == "":
                    if number is not None:
                        self.last_id = number
                    if data:
                        event = Event(number, kind or "message", json.loads("\n".join(data)))
                        self._events.put(event)
                    elif number is not None:
                        self._has_begun.set()
                    kind, data, number = "", [], None
                elif line.startswith(":"):
                    self.comments.append(time.monotonic())
                elif name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    number = value
                elif name == "retry":
                    self.retry = int(value)
            self.end = "clean"
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            self.end = "broken"
        self._events.put(None)

    def begin(self, seconds=30):
        """Waits for the id of the position where the stream begins; returns it."""
        if not self._has_begun.wait(seconds):
            raise AssertionError(f"the stream did not begin: {self.status} {self.end}")
        return self.last_id

    def next(self, seconds=30):
        """The next event; None at the end of the stream."""
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no event within {seconds} s") from None

    def take(self, count, seconds=30):
        return [self.next(seconds) for _ in range(count)]

    def until(self, condition, seconds=30):
        """All events up to the first that fulfils a condition."""
        end = time.monotonic() + seconds
        events = []
        while True:
            event = self.next(max(end - time.monotonic(), 0.01))
            if event is None:
                raise AssertionError(f"the stream has ended ({self.end}) after {events[-3:]}")
            events.append(event)
            if condition(event):
                return events

    def wait_for_end(self, seconds=30):
        """Reads on to the end of the stream; returns how it ended."""
        end = time.monotonic() + seconds
        while self.next(max(end - time.monotonic(), 0.01)) is not None:
            pass
        return self.end

    def close(self):
        """Ends it abruptly, in the middle of the stream."""
        try:
            self._socket.shutdown(2)
        except OSError:
            pass
        if self._thread.ident:
            self._thread.join(10)
        self.response.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
