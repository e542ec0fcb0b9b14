"""When a cluster is well again after faults."""

import json
import time

from kvcluster import ClusterError, probes
from system.nodes import Nodes

# What a run starts of a cluster: all but the monitoring.
PARTS = ["backing", "kv-api", "kv-worker", "nginx"]

# How often in a row all has to be well, and the seconds between two looks.
GOOD_TIMES = 4
PAUSE = 0.3


class Health:
    """Watches a cluster, and starts what has ended."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._nodes = Nodes(cluster.folder.path) if cluster.database == "cockroach" else None

    def recover(self, seconds):
        """Starts what does not run, and waits until all is well. Returns what is wrong after that
        time; None: nothing."""
        end = time.monotonic() + seconds
        while wrong := self._start():
            # One that ends by itself does so again.
            if self.ended() or time.monotonic() > end:
                return wrong
        good = 0
        # Several times in a row: a service that has just come back may stumble.
        while good < GOOD_TIMES:
            wrong = self.wrong()
            good = 0 if wrong else good + 1
            if wrong and time.monotonic() > end:
                return wrong
            time.sleep(PAUSE)
        return None

    def _start(self):
        """What does not start in its time; None: all runs."""
        try:
            self._cluster.up(PARTS)
        except ClusterError as error:
            return f"does not start: {error}"
        return None

    def wrong(self):
        """What is not well; None: nothing."""
        for kind in ("kv-api", "kv-worker"):
            for service in self._cluster.of_kind(kind):
                status, text = probes.http_get(service.port, "/health", 3)
                if not status:
                    return f"{service.name} does not answer"
                document = json.loads(text)
                if document["status"] != "healthy":
                    return f"{service.name}: {document}"
        if self._nodes and not self._nodes.is_whole():
            return "CockroachDB is not whole"
        return None

    def ended(self):
        """The programs of this project that have ended by themselves."""
        return [
            service.name
            for kind in ("kv-api", "kv-worker")
            for service in self._cluster.of_kind(kind)
            if service.state == "dead"
        ]
