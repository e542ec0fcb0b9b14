"""What all services have in common: a process that is started, observed and stopped."""

import json
import os
import signal
import time

from . import processes
from .errors import ClusterError


# Names of groups of kinds.
GROUPS = {
    "database": {"postgres", "cockroach"},
    "backing": {"postgres", "cockroach", "redis", "sentinel", "epmd", "rabbitmq"},
}


class Service:
    """One process of the cluster, with the processes that it starts.

    Subclasses define the command, how to check readiness, and what has to run before.
    """

    # The name of all services of this kind in commands.
    kind = ""
    # Names or kinds that have to be ready before this one starts.
    after = ()
    stop_signal = signal.SIGTERM
    stop_seconds = 20
    # The longest time from the start until it is ready.
    start_seconds = 60
    # How often it is started again if it exits before it is ready.
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
        """Whether a name, a kind or a group means this service."""
        return name in (self.name, self.kind) or self.kind in GROUPS.get(name, ())

    # For subclasses.

    @property
    def ports(self):
        """Its ports, by their use."""
        return {}

    def prepare(self):
        """Writes its configuration. Called before each start."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        """Its environment: the variables of the shell, without settings for other programs."""
        foreign = ("KV_", "RABBITMQ_", "PG", "ERL_", "COCKROACH_")
        return {name: text for name, text in os.environ.items() if not name.startswith(foreign)}

    def is_ready(self):
        """Whether it answers in its own protocol."""
        raise NotImplementedError

    def finish_start(self):
        """Called repeatedly after the start until it returns true; may do what is left to do."""
        return self.is_ready()

    def detail(self):
        """A few words for `status`."""
        return ""

    # The process.

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
        """Its process id; None if it is not alive."""
        identity = self.identity
        found = identity.find() if identity else None
        return found.pid if found else None

    @property
    def is_alive(self):
        return self.pid is not None

    @property
    def is_member(self):
        """Whether it should run: it was started and not stopped. A crash does not change that."""
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
        """Seconds since its start; None if it is not alive."""
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

    # Actions on this service alone; `Cluster` also updates the others.

    def launch(self):
        """Starts the process without waiting until it is ready."""
        if self.identity:
            # Remaining parts of a dead predecessor would hold its ports and files.
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
        while not self.finish_start():
            self.check_alive()
            if time.monotonic() > end:
                raise ClusterError(f"{self.name} is not ready in time; its log:\n{self.log_tail()}")
            time.sleep(0.1)

    def check_alive(self):
        if not self.is_alive:
            raise ClusterError(f"{self.name} has ended; the end of its log:\n{self.log_tail()}")

    def ask_to_stop(self):
        """Sends the signal for an orderly stop, also to a paused service."""
        identity = self.identity
        self._asked_to_stop = time.monotonic()
        if identity and identity.find():
            processes.send([identity.pid], self.stop_signal)
            processes.send(identity.members(), signal.SIGCONT)

    def finish_stopping(self):
        """Waits for the end, and kills the process after its time. The time counts from the signal,
        so that several services stop at the same time."""
        identity = self.identity
        if identity is None:
            return
        # Including its child processes: PostgreSQL's backends take a moment longer.
        members = identity.members()
        waited = time.monotonic() - (self._asked_to_stop or time.monotonic())
        processes.wait_until_gone(members, max(0, self.stop_seconds - waited))
        processes.kill(identity)
        self._record.unlink(missing_ok=True)

    def stop(self):
        """Stops it in an orderly way."""
        self.ask_to_stop()
        self.finish_stopping()

    def kill(self):
        """Kills all of its processes at once."""
        if self.identity:
            processes.kill(self.identity)

    def pause(self):
        """Makes it hang: it keeps its connections and answers nothing."""
        if self.is_alive:
            processes.freeze(self.identity)

    def resume(self):
        """Lets a paused service continue."""
        if self.is_alive:
            processes.send(self.identity.members(), signal.SIGCONT)
