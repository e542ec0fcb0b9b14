"""What the tests of /watch share."""

import threading
import time

from conformance import server
from conformance.calls import Case, call, query
from conformance.stream import Watch

# How late an event may be before a test calls it missing, on a busy machine.
SOON = 20


def metric(series):
    """The value of a series, of all nodes together."""
    total = 0
    for port in server.PORTS:
        for line in call("GET", "/metrics", port=port).body.decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                total += float(value)
    return total


def wait_until(condition, what, seconds=SOON):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        threading.Event().wait(0.05)


class Stream(Case):
    def watch(self, headers=None, **parameters):
        parameters = {"prefix": self.prefix} | parameters
        watch = Watch(query("/watch", **parameters), headers)
        self.addCleanup(watch.close)
        return watch

    def begun(self, **parameters):
        """A watcher of everything that is written from now on."""
        watch = self.watch(**parameters)
        self.assertEqual(watch.status, 200)
        watch.begin()
        return watch

    def complete(self, watch, history):
        """Reads on until a history has everything up to now, and equals the list."""
        listed = call("GET", query("/kv", prefix=self.prefix, limit=1_000)).json["items"]
        expected = {i["key"]: i["revision"] for i in listed}
        end = time.monotonic() + SOON
        while history.entries != expected or history.gaps():
            if time.monotonic() > end:
                raise AssertionError(f"missing before {history.gaps()}, or {expected}")
            history.add(watch.next(SOON))


class History:
    """What a watcher has seen of each key: events come at least once, and its revision orders them.

    Those of one node are published in the order of its answers; those of several nodes, or of
    writers at the same moment, may be published in another order than that of the commits.
    """

    def __init__(self):
        self._events = {}

    def add(self, event):
        self._events.setdefault(event.key, {})[event.data["revision"]] = event

    def gaps(self):
        """The events before which others are missing: versions count by one from 1 on, and begin
        again after a deletion."""
        found = []
        for events in self._events.values():
            version = 0
            for _, event in sorted(events.items()):
                version = version + 1 if event.kind == "put" else 0
                if event.data.get("version", 0) != version:
                    found.append(event)
                    version = event.data.get("version", 0)
        return found

    @property
    def entries(self):
        """The revision of each live key."""
        last = {key: events[max(events)] for key, events in self._events.items()}
        return {key: e.data["revision"] for key, e in last.items() if e.kind == "put"}
