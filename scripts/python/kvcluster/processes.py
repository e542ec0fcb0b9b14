"""Processes, read from /proc.

A process id may have been reused since it was recorded; together with the start time and the boot
it is unique.
"""

import os
import signal
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that are needed."""

    pid: int
    state: str
    parent: int
    session: int
    # In clock ticks since the boot.
    started: int
    # Processor time in clock ticks, with that of children that have ended.
    used: int
    # Without that of children.
    used_itself: int = 0
    name: str = ""

    @property
    def is_alive(self):
        """A zombie is dead and waits to be reaped. But while other threads of it are still ending,
        it keeps its ports."""
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
    # The name is in parentheses and may itself contain parentheses.
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    used = list(map(int, fields[11:15]))
    return Stat(
        pid,
        fields[0],
        int(fields[1]),
        int(fields[3]),
        int(fields[19]),
        sum(used),
        sum(used[:2]),
        name,
    )


def everything():
    """All processes of the machine."""
    found = (stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process is not None]


def tree(pid):
    """The ids of a process and its descendants."""
    pids = [pid]
    for one in pids:
        try:
            with open(f"/proc/{one}/task/{one}/children", encoding="ascii") as file:
                pids += map(int, file.read().split())
        except OSError:
            continue
    return pids


def processor_seconds(pid):
    """The processor time of a process and its descendants. It never decreases: a parent includes
    the time of children that have ended."""
    found = [process for process in map(stat, tree(pid)) if process is not None]
    return sum(process.used for process in found) / os.sysconf("SC_CLK_TCK")


def boot():
    """A text that differs after each boot of the machine."""
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
    """One process of one boot, as it is stored."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid):
        found = stat(pid)
        return cls(pid, found.started if found else 0, boot())

    def find(self):
        """The process, if it is still alive."""
        reap(self.pid)
        found = stat(self.pid)
        is_same = found is not None and found.started == self.started and self.boot == boot()
        return found if is_same and found.is_alive else None

    def members(self):
        """The process, its descendants, and all others of its session.

        PostgreSQL's backends leave the session but stay children; processes that Erlang starts may
        lose their parent but stay in the session. A session's id is not reused while it has
        members.
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
    """Reaps a child that has ended; does nothing for other processes."""
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
    """Freezes all members, including those that start meanwhile. Returns their ids."""
    frozen = set()
    while found := identity.members() - frozen:
        send(found, signal.SIGSTOP)
        frozen |= found
    return frozen


def kill(identity):
    """Kills all members at once, as a power failure would, and waits for their end."""
    # Frozen first, so that no member reacts to the end of another one.
    pids = freeze(identity)
    send(pids, signal.SIGKILL)
    wait_until_gone(pids, 10)


def wait_until_gone(pids, seconds):
    """Waits for the end of all of them. Returns whether they ended in time."""
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
    """Starts a program that outlives this one, in its own session. Returns its identity."""
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
