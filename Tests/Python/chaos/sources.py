"""Which service has made a connection, found out from the kernel."""

import contextlib
import json
import os
import socket
import struct
from pathlib import Path

from kvcluster import processes

# No service of the cluster: tools, for instance.
OUTSIDE = "outside"
CLIENTS = "clients"

# sock_diag(7): asks for one TCP socket by its addresses.
SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 4, 20, 1
REQUEST = struct.Struct("=IHHII BBBBI 2s2s16s16sI8s")
LOOPBACK = socket.inet_aton("127.0.0.1").ljust(16, b"\0")
# Where the inode is in the answer: behind its header and `inet_diag_msg`'s other members.
INODE = 16 + 4 + 48 + 16


class Sources:
    """Finds the owners of the other ends of connections on the loopback address."""

    def __init__(self, folder, clients):
        """folder: that of the cluster; clients: the process id of the load."""
        self._folder = Path(folder)
        self._clients = clients
        # The processes of each service, as they were when a search had to find new ones.
        self._known = {}

    def of(self, port, to):
        """The name of the service whose connection from `port` leads to the port `to`."""
        inode = _inode(port, to)
        if not inode:
            return OUTSIDE
        wanted = f"socket:[{inode}]"
        if _has(self._clients, wanted):
            return CLIENTS
        if found := self._search(wanted):
            return found
        self._known = dict(self._services())
        return self._search(wanted) or OUTSIDE

    def _search(self, wanted):
        for name, pids in self._known.items():
            if any(_has(pid, wanted) for pid in pids):
                return name
        return None

    def _services(self):
        """Name and processes of each service, as scripts/cluster has recorded them."""
        found = processes.everything()
        for record in sorted((self._folder / "run").glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                leader = json.loads(record.read_text())["pid"]
                pids = [one.pid for one in found if leader in (one.pid, one.session, one.parent)]
                yield record.stem, pids


def _inode(port, to):
    """The inode of the socket that is bound to `port` and connected to `to`; 0: there is none."""
    ports = struct.pack("!H", port), struct.pack("!H", to)
    request = REQUEST.pack(
        REQUEST.size, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0,
        socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF,
        *ports, LOOPBACK, LOOPBACK, 0, b"\xff" * 8,
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as asking:
        asking.send(request)
        answer = asking.recv(4096)
    if len(answer) < INODE + 4 or struct.unpack_from("=H", answer, 4)[0] != SOCK_DIAG_BY_FAMILY:
        return 0
    return struct.unpack_from("=I", answer, INODE)[0]


def _has(pid, wanted):
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(folder):
            with contextlib.suppress(OSError):
                if os.readlink(f"{folder}/{descriptor}") == wanted:
                    return True
    return False
