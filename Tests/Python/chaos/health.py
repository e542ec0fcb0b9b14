"""When a cluster is well again after faults."""

import json
import time

from kvcluster import ClusterError, probes
from system.nodes import Nodes

# What a run starts of a cluster: all but the monitoring.
PARTS = ["backing", "kv-api", "kv-worker", "nginx"]

# How often each program has to be well, and the seconds between two looks. Not in a row: on a
# machine that does much else, Redis misses the 50 ms that it has for an answer now and then.
GOOD_TIMES = 4
PAUSE = 0.3


class Health:
    """Watches a cluster, and starts what has ended."""

    def __init__(self, cluster):
        self._cluster = cluster

    def recover(self, seconds, meanwhile=lambda: None):
        """Starts what does not run, and waits until all is well; calls `meanwhile` again and again.
        Returns what is wrong after that time; None: nothing."""
        end = time.monotonic() + seconds
        late = f"after {seconds:g} s (--patience)"
        while wrong := self._start():
            # One that ends by itself does so again.
            if self.ended():
                return wrong
            if time.monotonic() > end:
                return f"{late}: {wrong}"
        good = dict.fromkeys(self._programs(), 0)
        while wanting := [one for one, times in good.items() if times < GOOD_TIMES]:
            for service in wanting:
                wrong = self._lacks(service)
                good[service] += wrong is None
                if wrong and time.monotonic() > end:
                    return f"{late}: {wrong}"
            meanwhile()
            time.sleep(PAUSE)
        while not self._is_whole():
            if time.monotonic() > end:
                return f"{late}: CockroachDB is not whole"
            time.sleep(PAUSE)
        return None

    def _is_whole(self):
        """Whether the nodes of the database are. They are known once the cluster has started."""
        path, database = self._cluster.folder.path, self._cluster.database
        return database != "cockroach" or Nodes(path).is_whole()

    def _programs(self):
        """The services that are programs of this project."""
        return [*self._cluster.of_kind("kv-api"), *self._cluster.of_kind("kv-worker")]

    def _start(self):
        """What does not start in its time; None: all runs."""
        try:
            self._cluster.up(PARTS)
        except ClusterError as error:
            return f"does not start: {error}"
        return None

    @staticmethod
    def _lacks(service):
        """What a program says that it lacks; None: nothing."""
        status, text = probes.http_get(service.port, "/health", 3)
        if not status:
            return f"{service.name} does not answer"
        document = json.loads(text)
        return None if document["status"] == "healthy" else f"{service.name}: {document}"

    def ended(self):
        """The programs of this project that have ended by themselves."""
        return [service.name for service in self._programs() if service.state == "dead"]
