"""Ports that are in use, and by which process."""

import os
import socket

from .processes import command_line


def is_taken(port):
    """Whether a server can't listen there."""
    with socket.socket() as probe:
        # As servers do: connections that have just closed do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return True
    return False


def holder(port):
    """The process that listens there, as "pid 12 (nginx: master process)"; None if it is
    unknown."""
    pid = next(holders(port), None)
    return f"pid {pid} ({command_line(pid)[:60]})" if pid else None


def holders(port):
    """The ids of the processes that listen there, as far as this user can see them."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc") if sockets else [])):
        try:
            descriptors = [f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
            if sockets & set(map(os.readlink, descriptors)):
                yield pid
        except OSError:
            # It has ended, or belongs to another user.
            continue


def _inodes(port):
    listening = "0A"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
