"""One run: rounds of faults under load, and the checks after each."""

import contextlib
import time

from kvcluster import ClusterError

from .clients import ChaosClient, Keys
from .events import KeyWatcher
from .history import Violation
from .settling import Settling
from .stream import StreamLeader
from .ways import WAYS

# Between two operations of a client, on average.
PAUSE = 0.03
# Load without faults at the beginning of each round, and after it has recovered.
CALM_SECONDS = 1.5


class Run:
    """Rounds until the time is over. `world` and `health` are those of a cluster that serves."""

    def __init__(self, world, health, schedule, journal, archive, seed, patience, is_ordered=False):
        """
        archive: the file for all histories.
        patience: how many seconds a cluster may take to become healthy after the last fault of a
            round, and then to decide what was queued and to send all events.
        is_ordered: whether a late event is a violation.
        """
        self._world = world
        self._health = health
        self._schedule = schedule
        self._journal = journal
        self._archive = archive
        self._patience = patience
        self._is_ordered = is_ordered
        cluster = world.cluster
        announced = cluster.ports.announced
        nodes = [announced(service.port) for service in cluster.of_kind("kv-api")]
        nginx = [announced(cluster.ports.nginx)]
        self._keys = Keys("chaos")
        places = [("node", nodes)] * 6 + [("nginx", nginx)] * 3
        self.clients = [
            ChaosClient(f"{where}-{number}", ports, self._keys, journal, seed, PAUSE)
            for number, (where, ports) in enumerate(places, 1)
        ]
        self.watchers = [
            KeyWatcher("watcher-1", nodes, "chaos"),
            KeyWatcher("watcher-2", nodes[::-1], "chaos"),
            KeyWatcher("watcher-nginx", nginx, "chaos"),
        ]
        self._leader = StreamLeader(cluster, journal.remedy)
        # Not through the proxy: what a round leaves behind is asked without further faults.
        own = [service.port for service in cluster.of_kind("kv-api")]
        self._settling = Settling(
            journal, own, self._keys, self.watchers, patience, self._leader.look
        )
        self._late = dict.fromkeys([watcher.name for watcher in self.watchers], 0)
        self.rounds = 0
        self.keys = 0
        self.operations = 0

    def go(self, seconds):
        """Runs until `seconds` have passed; a round that has begun is finished. Ends early if
        something does not recover."""
        with contextlib.ExitStack() as stack:
            for watcher in self.watchers:
                stack.enter_context(watcher)
                if not watcher.has_begun.wait(self._patience):
                    raise ClusterError(
                        f"{watcher.name} can't begin within {self._patience:g} s (--patience): "
                        f"{watcher.refusals}"
                    )
            # Told also if the run is interrupted; then nobody waits for them.
            for client in self.clients:
                stack.callback(client.stop)
                client.start()
            end = time.monotonic() + seconds
            while time.monotonic() < end and not self._journal.errors:
                if not self._round():
                    break
        for client in self.clients:
            client.join()

    def _round(self):
        """Returns whether the system has recovered."""
        self.rounds += 1
        time.sleep(CALM_SECONDS)
        self._break(self._schedule.group())
        begin = self._journal.clock()
        wrong = self._health.recover(self._patience, self._leader.look)
        if wrong:
            self._journal.complain(Violation("recovers", "all", wrong))
            return False
        took = self._journal.clock() - begin
        time.sleep(CALM_SECONDS)
        found, histories = self._check()
        for history in histories:
            for line in history.lines():
                self._archive.write(line + "\n")
        self._archive.flush()
        for violation in found:
            self._journal.complain(violation)
        self._check_watchers()
        self._check_ended([])
        self._leader.look()
        self.keys += len(histories)
        count = sum(len(history.operations) for history in histories)
        self.operations += count
        self._journal.say(
            f"{self._journal.clock():7.1f} s  healthy after {took:.1f} s; {count} operations on "
            f"{len(histories)} keys checked, {len(found)} violations"
        )
        return True

    def _check(self):
        """Checks all keys so far. Clients rest meanwhile: otherwise, on a slow machine, the next
        check would have ever more to do."""
        for client in self.clients:
            client.rest()
        try:
            return self._settling.check(self._keys.renew())
        finally:
            self._journal.begin_anew()
            for client in self.clients:
                client.go_on()

    def _check_watchers(self):
        for watcher in self.watchers:
            for text in watcher.gone():
                self._journal.complain(Violation("position", "all", f"{watcher.name}: {text}"))
            if self._is_ordered and watcher.late > self._late[watcher.name]:
                message = f"{watcher.late - self._late[watcher.name]} events at {watcher.name}"
                self._journal.complain(Violation("order", "all", message))
            self._late[watcher.name] = watcher.late
            watcher.refusals.clear()
            watcher.ends.clear()

    def _break(self, group):
        """Carries out the faults of a group. Each begins and ends at its time, or later if the step
        before takes longer."""
        start = time.monotonic()
        steps = [(fault.after, "begin", fault) for fault in group]
        steps += [(fault.after + fault.seconds, "end", fault) for fault in group]
        under_way = {}
        for due, verb, fault in sorted(steps, key=lambda step: step[0]):
            time.sleep(max(0.0, start + due - time.monotonic()))
            if verb == "begin":
                way = WAYS[fault.kind](self._world, fault)
                under_way[id(fault)] = fault, way, self._journal.fault_begins(fault, next(way))
            else:
                _, way, number = under_way.pop(id(fault))
                next(way, None)
                self._journal.fault_ends(number)
            self._check_ended([fault for fault, _, _ in under_way.values()])

    def _check_ended(self, faults):
        """Complains about programs that no fault has killed."""
        killed = {
            name
            for fault in faults
            if fault.kind == "kill"
            for name in self._world.names(fault.target)
        }
        for name in set(self._health.ended()) - killed:
            tail = self._world.cluster[name].log_tail()
            self._journal.complain(Violation("runs", name, f"it has ended; its log:\n{tail}"))
