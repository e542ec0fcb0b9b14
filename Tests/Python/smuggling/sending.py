"""Sends byte strings, each on a connection of its own, many at a time."""

import collections
import selectors
import socket
import time

CONNECTIONS = 96
# A server that has said nothing for so long waits for more bytes.
PATIENCE = 0.4


class _Exchange:
    def __init__(self, port, case, data):
        self.case = case
        self.parts = [data[: case.cut], data[case.cut :]] if case.cut else [data]
        self.received = bytearray()
        self.active = time.monotonic()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", port))

    def write(self):
        """Whether all is sent."""
        while self.parts:
            sent = self.socket.send(self.parts[0])
            self.parts[0] = self.parts[0][sent:]
            if self.parts[0]:
                return False
            self.parts.pop(0)
        return True

    def read(self):
        """Whether the server has closed the connection."""
        chunk = self.socket.recv(65536)
        self.received += chunk
        return not chunk


def exchange(port, cases, way, answered):
    """Sends each case for a way, and calls `answered` with it and all that was received."""
    cases = iter(cases)
    selector = selectors.DefaultSelector()
    open_ones = collections.OrderedDict()

    def start():
        case = next(cases, None)
        if case is None:
            return False
        one = _Exchange(port, case, case.on(way))
        open_ones[one] = None
        selector.register(one.socket, selectors.EVENT_WRITE, one)
        return True

    def end(one):
        selector.unregister(one.socket)
        one.socket.close()
        del open_ones[one]
        answered(one.case, bytes(one.received))

    while len(open_ones) < CONNECTIONS and start():
        pass
    while open_ones:
        for ready, events in selector.select(0.05):
            one = ready.data
            one.active = time.monotonic()
            open_ones.move_to_end(one)
            try:
                if events & selectors.EVENT_WRITE and one.write():
                    selector.modify(one.socket, selectors.EVENT_READ, one)
                if events & selectors.EVENT_READ and one.read():
                    end(one)
            except BlockingIOError:
                pass
            except (ConnectionResetError, BrokenPipeError):
                end(one)
        late = time.monotonic() - PATIENCE
        while open_ones and (first := next(iter(open_ones))).active < late:
            end(first)
        while len(open_ones) < CONNECTIONS and start():
            pass
    selector.close()
