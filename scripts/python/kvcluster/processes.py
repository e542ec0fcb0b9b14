"""Processes by their ids, as /proc shows them.

A pid alone may have been given to another program since it was noted; with the time of its start
and the boot that this time counts from it can't be mistaken.
"""

import os
import signal
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Stat:
    """One line of /proc/PID/stat, as far as it is needed."""

    pid: int
    state: str
    parent: int
    session: int
    # In clock ticks since the machine was started.
    started: int

    @property
    def is_alive(self):
        """A zombie is dead, and only its parent has not noticed yet. But as long as other threads
        of it are still ending, it keeps its ports."""
        if self.state not in "ZX":
            return True
        try:
            return len(os.listdir(f"/proc/{self.pid}/task")) > 1
        except OSError:
            return False


def stat(pid):
    """The process with this id; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    # The name is in parentheses and may hold anything, even parentheses.
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def everything():
    """All processes of the machine."""
    found = (stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process is not None]


def boot():
    """Another text each time the machine is started."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Identity:
    """One process of one boot, as it is written down."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid):
        found = stat(pid)
        return cls(pid, found.started if found else 0, boot())

    def find(self):
        """The process, if it still is the same one and lives."""
        reap(self.pid)
        found = stat(self.pid)
        is_same = found is not None and found.started == self.started and self.boot == boot()
        return found if is_same and found.is_alive else None

    def members(self):
        """The process, those it started, and what these left behind in its session.

        PostgreSQL's backends leave the session but stay children; what Erlang starts may lose its
        parent but stays in the session. A session's number is not given away while it has members.
        """
        processes = [process for process in everything() if process.is_alive]
        family = {self.pid} if self.find() else set()
        if self.boot == boot():
            family |= {
                process.pid
                for process in processes
                if process.session == self.pid and process.started >= self.started
            }
        while True:
            children = {process.pid for process in processes if process.parent in family}
            if children <= family:
                return family
            family |= children


def reap(pid):
    """Takes notice of a child's end, as its parent has to; others' children are left alone."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def freeze(identity):
    """Stops all of it where it stands, also what is being started meanwhile. Returns the pids."""
    frozen = set()
    while found := identity.members() - frozen:
        send(found, signal.SIGSTOP)
        frozen |= found
    return frozen


def kill(identity):
    """Ends all of it at once, as a power failure would, and waits until it is gone."""
    # Frozen first: nothing notices the end of another part and reacts to it.
    pids = freeze(identity)
    send(pids, signal.SIGKILL)
    wait_until_gone(pids, 10)


def wait_until_gone(pids, seconds):
    """Whether all of them have ended in time."""
    end = time.monotonic() + seconds
    while True:
        for pid in pids:
            reap(pid)
        if not any(found.is_alive for found in map(stat, pids) if found is not None):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.02)


def spawn(command, environment, log):
    """Starts a program that outlives this one, in a session of its own. Returns its identity."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawnp(
        command[0],
        [str(word) for word in command],
        environment,
        file_actions=actions,
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
    )
    return Identity.of(pid)
