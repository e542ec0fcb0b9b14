"""What all services have in common: a process that is started, watched and ended."""

import json
import os
import signal
import time

from . import processes
from .errors import ClusterError


# Names for several kinds at once.
GROUPS = {
    "database": {"postgres", "cockroach"},
    "backing": {"postgres", "cockroach", "redis", "sentinel", "epmd", "rabbitmq"},
}


class Service:
    """One process of the cluster (with those that it starts), under a name.

    Subclasses say what to run, how to ask whether it is ready, and what it needs before.
    """

    # What `up` and the other verbs call all services of this sort.
    kind = ""
    # Names or kinds that have to be ready before this one is started.
    after = ()
    stop_signal = signal.SIGTERM
    stop_seconds = 20
    # How long it may take from its start until it is ready.
    start_seconds = 60
    # How often it is started once more when it ends by itself before it is ready.
    relaunches = 0

    def __init__(self, cluster, number=None):
        self.cluster = cluster
        self.folder = cluster.folder
        self.number = number
        self.name = self.kind if number is None else f"{self.kind}-{number}"
        self._asked_to_stop = None

    def __repr__(self):
        return f"<{self.name}>"

    def is_called(self, name):
        """Whether it is meant by a name, a kind or the name of a group of kinds."""
        return name in (self.name, self.kind) or self.kind in GROUPS.get(name, ())

    # What subclasses say.

    @property
    def ports(self):
        """Each port that it listens on, with what it is for."""
        return {}

    def prepare(self):
        """Writes its configuration. Called right before a start."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        """Variables for it: those of the shell, without settings meant for others."""
        foreign = ("KV_", "RABBITMQ_", "PG", "ERL_", "COCKROACH_")
        return {name: text for name, text in os.environ.items() if not name.startswith(foreign)}

    def is_ready(self):
        """Whether it answers, in its own protocol."""
        raise NotImplementedError

    def settle(self):
        """Asked again and again after the start until it is true; may help along."""
        return self.is_ready()

    def detail(self):
        """A word or two for `status`."""
        return ""

    # What is running.

    @property
    def _record(self):
        return self.folder / "run" / f"{self.name}.json"

    @property
    def identity(self):
        """The process as it was started; None if it was stopped or never started."""
        try:
            return processes.Identity(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            return None

    @property
    def pid(self):
        """Its process id while it lives."""
        identity = self.identity
        found = identity.find() if identity else None
        return found.pid if found else None

    @property
    def is_alive(self):
        return self.pid is not None

    @property
    def is_member(self):
        """Whether it should be running: it was started and not stopped. The dead are members."""
        return self.identity is not None

    @property
    def state(self):
        """ "stopped", "dead", "paused", "starting" or "ready"."""
        identity = self.identity
        if identity is None:
            return "stopped"
        found = identity.find()
        if found is None:
            return "dead"
        if found.state in "Tt":
            return "paused"
        return "ready" if self.is_ready() else "starting"

    @property
    def uptime(self):
        """Seconds since its start; None unless it lives."""
        identity = self.identity
        found = identity.find() if identity else None
        if found is None:
            return None
        with open("/proc/uptime", encoding="ascii") as file:
            return float(file.read().split()[0]) - found.started / os.sysconf("SC_CLK_TCK")

    def log_tail(self, lines=15):
        try:
            text = self.folder.log(self.name).read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    # What can be done to it. `Cluster` has the verbs that look after the others, too.

    def launch(self):
        """Starts the process, and does not wait until it is ready."""
        if self.identity:
            # Parts of a dead predecessor would hold its ports and files.
            processes.kill(self.identity)
        self.prepare()
        command = self.command()
        try:
            log = str(self.folder.log(self.name))
            identity = processes.spawn(command, self.environment(), log)
        except OSError as error:
            reason = error.strerror
            raise ClusterError(f"{self.name}: {command[0]} can't be run: {reason}") from None
        self.folder.write(self._record, json.dumps(vars(identity)) + "\n", 0o644)

    def wait(self, seconds=None):
        """Waits until it is ready."""
        end = time.monotonic() + (seconds or self.start_seconds)
        while not self.settle():
            self.check_alive()
            if time.monotonic() > end:
                raise ClusterError(f"{self.name} is not ready in time; its log:\n{self.log_tail()}")
            time.sleep(0.1)

    def check_alive(self):
        if not self.is_alive:
            raise ClusterError(f"{self.name} has ended; the end of its log:\n{self.log_tail()}")

    def ask_to_stop(self):
        """Sends the signal for an orderly end, also to a service that is paused."""
        identity = self.identity
        self._asked_to_stop = time.monotonic()
        if identity and identity.find():
            processes.send([identity.pid], self.stop_signal)
            processes.send(identity.members(), signal.SIGCONT)

    def finish_stopping(self):
        """Waits for the end that was asked for, or brings it about. The time counts from when it
        was asked for: what is stopped together has ended together."""
        identity = self.identity
        if identity is None:
            return
        # Its helpers go with it. PostgreSQL's backends and epmd's clients take a moment longer.
        members = identity.members()
        waited = time.monotonic() - (self._asked_to_stop or time.monotonic())
        processes.wait_until_gone(members, max(0, self.stop_seconds - waited))
        processes.kill(identity)
        self._record.unlink(missing_ok=True)

    def stop(self):
        """An orderly end."""
        self.ask_to_stop()
        self.finish_stopping()

    def kill(self):
        """The end without warning: all of its processes at once."""
        if self.identity:
            processes.kill(self.identity)

    def pause(self):
        """Lets it hang: it keeps its connections and answers nothing."""
        if self.is_alive:
            processes.freeze(self.identity)

    def resume(self):
        """Lets a paused one go on."""
        if self.is_alive:
            processes.send(self.identity.members(), signal.SIGCONT)
