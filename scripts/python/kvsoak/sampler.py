"""Takes samples of everything, and notices what the autoscaler does and what has ended."""

import os
import time

from kvcluster import Cluster

from . import families, scraping, sizes
from .events import SCALING, Happening
from .failures import Failure

# Walking through folders is dearer than the rest.
DISK_EVERY_SECONDS = 20


class Sampler:
    """`take` is called again and again, by one thread."""

    def __init__(self, folder, clock, tally, watching, commands, remedy):
        self.samples = []
        # Changes of the numbers of replicas.
        self.scalings = []
        self._cluster = Cluster(folder)
        self._folder = self._cluster.folder
        self._clock, self._tally = clock, tally
        self._watching, self._commands, self._remedy = watching, commands, remedy
        self._replicas = self._planned()
        self._last = 0.0
        self._disk_due = 0.0
        self._writes = 0
        self._ended, self._told = set(), set()
        self._sql = self._cluster.database == "postgres"
        self._url = self._cluster.of_kind("database")[0].url

    @property
    def happenings(self):
        return [*self._commands.happenings, *self._remedy.happenings, *self.scalings]

    def take(self):
        """One sample. Nothing that goes wrong in here ends the run."""
        at = round(self._clock(), 2)
        sample = {"at": at, "seconds": round(at - self._last, 2)}
        for part in (self._observe_clients, self._observe_processes, self._observe_nodes,
                     self._observe_disk):
            try:
                part(sample)
            except Exception as error:
                self._tally.fail(Failure(self._last, at, "sampler", "bug", repr(error)))
        sample["taking"] = round(self._clock() - at, 3)
        self.samples.append(sample)
        self._last = at
        return sample

    def is_drained(self):
        """Whether nothing waits in the outbox or in the queue."""
        found = self._metrics()
        if self._sql:
            found |= sizes.tables(self._url) or {"outbox count": 1}
        names = ("queue depth", "held writes", "unconfirmed writes", "outbox age", "outbox count",
                 "outbox batches count")
        return not any(found.get(name, 0) for name in names) and "queue depth" in found

    def wait_until_drained(self, seconds):
        """How long it took; None if it did not within the time."""
        start = time.monotonic()
        while not self.is_drained():
            if time.monotonic() - start > seconds:
                return None
            time.sleep(0.5)
        return round(time.monotonic() - start, 1)

    def _observe_clients(self, sample):
        sample["load"] = self._tally.take()
        self._writes += sum(
            count
            for said, count in sample["load"]["answers"].items()
            if is_done(said)
        )
        for failure in self._watching.failures(sample["at"]):
            self._tally.fail(failure)
        sample["watch"] = self._watching.figures()
        sample["machine"] = {"load average": os.getloadavg()[0]}

    def _observe_processes(self, sample):
        sample["processes"], ended = families.sample(self._folder.path)
        self._notice_scaling(sample["at"])
        sample["replicas"] = dict(self._replicas)
        # A service that is being stopped has ended for a moment, too.
        for name in (ended & self._ended) - self._told:
            if not self._is_meant(name, sample["at"]):
                self._told.add(name)
                text = f"{name} has ended, and nobody asked it to"
                self._tally.fail(Failure(self._last, sample["at"], name, "ended", text))
        self._ended = ended

    def _is_meant(self, name, at):
        moment = Failure(at, at, name, "ended")
        return any(
            happening.event.stops(families.kind_of(name)) and happening.covers(moment)
            for happening in self.happenings
        )

    def _planned(self):
        return self._folder.plan.get("replicas", {})

    def _notice_scaling(self, at):
        planned = self._planned()
        for kind, count in planned.items():
            before = self._replicas.get(kind, count)
            if count != before:
                detail = f"{kind} from {before} to {count}"
                self.scalings.append(Happening(SCALING, self._last, at, detail))
        self._replicas = planned

    def _observe_nodes(self, sample):
        sample["metrics"] = self._metrics()

    def _metrics(self):
        ports = self._cluster.ports
        make = {"kv-api": ports.api, "kv-worker": ports.worker}
        return scraping.scrape(
            {
                kind: [port(number + 1) for number in range(self._replicas.get(kind, 0))]
                for kind, port in make.items()
            }
        )

    def _observe_disk(self, sample):
        if sample["at"] < self._disk_due:
            return
        self._disk_due = sample["at"] + DISK_EVERY_SECONDS
        found = sizes.folders(self._folder.path) | {"writes": self._writes}
        tables = sizes.tables(self._url) if self._sql else None
        sample["disk"] = found | (sizes.put_together(tables) if tables else {})


def is_done(said):
    """Whether an answer, as a tally names it, is that of a write that took or takes effect."""
    kind, _, status = said.rpartition(" ")
    return not kind.startswith(("get", "list")) and status in ("200", "201", "202", "204")
