"""Runs the events: commands of scripts/cluster, one after the other."""

import random
import subprocess

from kvcluster import Cluster, redis
from kvcluster.folder import REPOSITORY

from .background import Background
from .events import Happening
from .failures import Failure

COMMAND_SECONDS = 400
# Between the end of an event and the next one, if an event took long.
REST_SECONDS = 15
# As many kv-api run at least.
REPLICAS_MIN = 2


def cluster_command(folder, verb, *words, environment=None):
    """Runs scripts/cluster apart from this process, so that Ctrl-C does not end it half-way.
    Returns what it said if it failed, else nothing."""
    try:
        done = subprocess.run(
            [REPOSITORY / "scripts/cluster", verb, "--dir", folder, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"scripts/cluster {verb} {' '.join(words)}: no end after {COMMAND_SECONDS} s"
    return None if done.returncode == 0 else done.stderr.strip()[-2000:]


class Commands(Background):
    """Carries out a schedule in a thread of its own, until it is over or the block ends."""

    def __init__(self, folder, schedule, clock, tally, seed, environment):
        super().__init__(self._run)
        self.happenings = []
        self._folder, self._schedule, self._clock = folder, schedule, clock
        self._tally, self._environment = tally, environment
        self._dice = random.Random(f"{seed} targets")

    @property
    def current(self):
        """What is happening now; None if nothing is."""
        last = self.happenings[-1:]
        return last[0] if last and last[0].end is None else None

    def _run(self):
        rested = 0.0
        for at, event in self._schedule:
            if self._is_stopping.wait(max(0, max(at, rested) - self._clock())):
                return
            happening = Happening(event, self._clock())
            self.happenings.append(happening)
            try:
                self._carry_out(happening)
            except Exception as error:
                self._fail(happening, repr(error))
            happening.end = self._clock()
            rested = happening.end + REST_SECONDS

    def _carry_out(self, happening):
        names = self._names(happening.event)
        happening.detail = ", ".join(sorted(names.values()))
        for verb, target in happening.event.steps:
            if verb == "wait":
                # What was killed is started again even if the run is ending.
                self._is_stopping.wait(target)
                continue
            target = target.format(**names)
            said = cluster_command(self._folder, verb, target, environment=self._environment)
            if said:
                self._fail(happening, f"{verb} {target}: {said}")

    def _names(self, event):
        """The services that the places in its steps mean now."""
        wanted = {target for verb, target in event.steps if verb != "wait"}
        cluster = Cluster(self._folder)
        names = {}
        for kind in ("redis", "rabbitmq", "cockroach", "kv-api"):
            if f"{{{kind}}}" in wanted:
                found = cluster.of_kind(kind)
                if kind == "kv-api":
                    # The autoscaler may remove others meanwhile.
                    found = found[:REPLICAS_MIN]
                if kind == "redis":
                    port = redis.master(cluster)
                    found = [one for one in found if port in one.ports.values()]
                names[kind] = self._dice.choice(found).name
        return names

    def _fail(self, happening, text):
        now = self._clock()
        name = happening.event.name
        self._tally.fail(Failure(happening.begin, now, name, "command", text))
