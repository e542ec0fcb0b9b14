"""Where it is measured: one node with SQLite, or a kv-api of a cluster."""

import contextlib
import os
import shutil
import time
from types import SimpleNamespace

from loadtest.store import Store

from .. import memory
from ..contenders import KeyValueAPI
from ..load import VALUE, requests, wrk
from ..running import running_cluster
from ..turns import take_turns
from .sizes import CONNECTIONS, FILES_BESIDE, connections_max

FILES_NEEDED = CONNECTIONS[-1] + FILES_BESIDE
# Of kv-api, which has a few more clients than a step has: those that store keys.
CONNECTIONS_MORE = 100
# For all keys of a step; a step takes up to a minute more for its load.
STORE_SECONDS_MAX = 900
# Slow answers are part of the figures; only later than this they are failures.
TIMEOUT_SECONDS = 10


class TooSlowError(Exception):
    """The preparation of a step took too long."""


def raise_file_limit():
    """As many connections as possible. Returns how many files a process may open."""
    return memory.raise_file_limit(FILES_NEEDED, least=FILES_BESIDE + 1)


def chosen(options, folder, files):
    """files: how many a process may open."""
    connections = connections_max(files) + CONNECTIONS_MORE
    places = [Single(options, folder, connections)] if options.has_single else []
    return [*places, *([Clustered(options, folder, connections)] if options.has_cluster else [])]


class Single:
    """One node; each dimension has a new one."""

    name, is_cluster = "one node", False

    def __init__(self, options, folder, connections):
        self.options, self.folder, self.connections = options, folder, connections

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @contextlib.contextmanager
    def target(self):
        binary = os.path.join(self.options.binaries, "kv-api")
        server = KeyValueAPI(binary, self.folder, connections_max=self.connections)
        try:
            yield Target(self.options, server, server.port, connections=self.connections)
        finally:
            server.stop()
            shutil.rmtree(server.data, ignore_errors=True)


class Clustered:
    """The first kv-api of a cluster, without Nginx; new processes for each dimension."""

    name, is_cluster = "cluster", True

    def __init__(self, options, folder, connections):
        self.options, self.folder, self.connections = options, folder, connections
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        settings = {"KV_MAX_CONNECTIONS": str(self.connections)}
        running = running_cluster(self.options, self.folder, settings)
        self._cluster = self._stack.enter_context(running)
        return self

    def __exit__(self, *_):
        self._stack.close()

    @contextlib.contextmanager
    def target(self):
        cluster = self._cluster
        cluster.restart_apis()
        yield Target(
            self.options,
            cluster.apis[0],
            cluster.api_ports[0],
            cluster.backing,
            self.connections,
            cluster,
        )


class Target:
    """The kv-api under load, and how it is loaded."""

    def __init__(self, options, process, port, behind=(), connections=0, cluster=None):
        self.port = port
        self.process = process
        # The highest number of a key, by the prefix.
        self.stored = {}
        self._behind = behind
        self._url = f"http://127.0.0.1:{port}"
        self.options = options
        # How many clients may connect, beside those that prepare and observe.
        self.connections = connections - CONNECTIONS_MORE
        # None: a node of its own.
        self.cluster = cluster

    def program(self, name):
        return os.path.join(self.options.binaries, name)

    def store(self, prefix, count, value=VALUE):
        """Stores the keys up to this number, as far as they are not stored yet."""
        first = self.stored.get(prefix, 0) + 1
        options = SimpleNamespace(
            url=self._url,
            prefix=prefix,
            value=value.encode(),
            value_size=len(value),
            token=None,
            insecure=False,
        )
        deadline = time.monotonic() + STORE_SECONDS_MAX

        def check(ready, count):
            if time.monotonic() > deadline:
                raise TooSlowError(f"{ready:,} of {count:,} keys stored in {STORE_SECONDS_MAX} s")

        with contextlib.closing(Store(options)) as store:
            store.prepare(first, count, check)
        self.stored[prefix] = count

    def load(self, mode, prefix, keys, more_seconds=0, port=None, **more):
        """Of randomly chosen keys; `more` are fields of `Load`. `port`: that of another door."""
        settings = {"distribution": "uniform", "timeout_seconds": TIMEOUT_SECONDS}
        url = f"http://127.0.0.1:{port or self.port}/"
        load = requests(url, f"/kv/{prefix}", **settings | more)
        return lambda seconds: wrk(
            load,
            mode,
            seconds + more_seconds,
            (self.process,),
            self._behind,
            keys,
            wanted=(200, 201) if mode == "put" else None,
            allows_errors=True,
        )

    def measure(self, works):
        """The rounds of each work (`Series`) by its name; each is a pair with itself."""
        pairs = [(name,) for name in works]
        return take_turns(works, self.options.seconds, self.options.rounds, pairs)
