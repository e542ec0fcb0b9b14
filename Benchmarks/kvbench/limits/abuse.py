"""A client that does harm within a `with` block, in threads of its own, beside the normal load."""

import socket
import threading
from collections import Counter

from ..load import told
from . import normal

# One address has 28,000 ports.
ADDRESSES = 8
# linux/in.h: the port is chosen when it connects, so that it only has to be free for this server.
IP_BIND_ADDRESS_NO_PORT = 24
TIMEOUT_SECONDS = 30
SECONDS, SECONDS_QUICK = 8, 4
# Longer than the server's deadlines of 10 s for heads, bodies and readers.
SECONDS_PAST_DEADLINES = 14


class Abuse:
    """Subclasses have `name`, `work` (what each thread does until `is_over`), and `trouble` if not
    every outcome is right. `counts` are outcomes by name."""

    name = ""
    threads = 1
    # Of the normal load beside it; None: as long as usual.
    seconds = None

    def __init__(self, target):
        self.target = target
        self.counts = Counter()
        self.is_over = threading.Event()
        # Set by `work` once there is enough of it.
        self.is_ready = threading.Event()
        self.errors = []

    @property
    def usual_seconds(self):
        return self.seconds or (SECONDS_QUICK if self.target.options.quick else SECONDS)

    def prepare(self):
        """Stores what it needs."""

    def work(self, number):
        raise NotImplementedError

    def told(self):
        return told(dict(sorted(self.counts.items())))

    def trouble(self):
        """What should not have happened, as texts."""
        return []

    def __enter__(self):
        self._running = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(self.threads)
        ]
        for thread in self._running:
            thread.start()
        self.is_ready.wait()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self._running:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _work(self, number):
        try:
            self.work(number)
        except Exception as error:
            self.errors.append(error)
        finally:
            self.is_ready.set()


def connect(port, number=0, receive_bytes=None):
    """A connection from one of several addresses."""
    made = socket.socket()
    try:
        made.settimeout(TIMEOUT_SECONDS)
        made.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if receive_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        made.bind((f"127.0.0.{1 + number % ADDRESSES}", 0))
        made.connect(("127.0.0.1", port))
        return made
    except OSError:
        made.close()
        raise


def get(target, fields=""):
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


def status(answer):
    """Of the bytes with which an answer begins, as text; "no answer" if there are none."""
    words = answer[:16].split()
    return words[1].decode() if len(words) > 1 and words[0] == b"HTTP/1.1" else "no answer"


def measured(kind):
    """The measurement of a kind of `Abuse`."""

    def measure(target):
        normal.prepare(target)
        abuse = kind(target)
        abuse.prepare()
        found = normal.measure(target, abuse, abuse.usual_seconds)
        found.trouble = abuse.trouble()
        return found.rows(abuse.name, abuse.told())

    return measure
