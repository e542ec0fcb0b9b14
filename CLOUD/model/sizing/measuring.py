"""Measures the cost of each kind of request in each service, on a native cluster."""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path

from kvcluster import Cluster, ClusterError
from loadtest import options as load_options
from loadtest.errors import LoadTestError
from loadtest.generator import Generator
from loadtest.store import Store

from .services import Broker, Cache, Database, processor_seconds

FILE = Path(__file__).resolve().parents[1] / "measured.json"
COMMAND = "CLOUD/model/measure"
ENTRIES = 100_000
VALUE_BYTES = 100
DRAIN_SECONDS_MAX = 120

DESCRIPTION = f"""\
Starts a cluster of its own (scripts/cluster), measures the processor time of each service for each
kind of request and the bytes that each keeps, writes {FILE.name}, and removes the cluster. Takes
about two minutes, on a machine that does nothing else."""


def main(arguments=None):
    """Returns the exit code."""
    top = argparse.ArgumentParser(prog=COMMAND, description=DESCRIPTION)
    top.add_argument("--binaries", metavar="FOLDER",
                     help="kv-api and kv-worker, instead of building a release")
    top.add_argument("--base", type=int, default=31900, help="first port (%(default)s)")
    top.add_argument("--seconds", type=int, default=5, help="of each kind (%(default)s)")
    top.add_argument("--output", type=Path, default=FILE, help="(%(default)s)")
    options = top.parse_args(arguments)
    # So that the cluster is removed in this case as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(options) as cluster:
            figures = Measuring(cluster, options.seconds).all()
    except (ClusterError, LoadTestError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    options.output.write_text(text + "\n", encoding="utf-8")
    print(options.output)
    return 0


@contextlib.contextmanager
def running(options):
    """A cluster that is removed at the end."""
    binaries = options.binaries
    if not binaries:
        from kvcluster.build import build

        binaries = build("release", ["kv-api", "kv-worker"])
    with tempfile.TemporaryDirectory(prefix="kv-model-", ignore_cleanup_errors=True) as folder:
        # PostgreSQL's user has to get in.
        os.chmod(folder, 0o755)
        # The bytes of an entry are read with functions of PostgreSQL.
        cluster = Cluster(Path(folder) / "cluster", options.base, os.path.abspath(binaries),
                          settings={"KV_LOG_LEVEL": "warning"}, is_quiet=False,
                          database="postgres")
        try:
            cluster.up()
            yield cluster
        finally:
            cluster.down(purge=True)


def say(text):
    """Prints progress."""
    print(text, file=sys.stderr, flush=True)


class Measuring:
    """All measurements on one cluster, in order."""

    def __init__(self, cluster, seconds):
        self.cluster, self.seconds = cluster, seconds
        self.database, self.cache, self.broker = Database(cluster), Cache(cluster), Broker(cluster)
        self.options = load_options.read(
            ["put", "--url", cluster.url, "--value-size", str(VALUE_BYTES)])
        self.store = Store(self.options)
        self.folder = tempfile.TemporaryDirectory(prefix="kv-model-load-")
        self.generator = Generator(self.options.load, self.folder.name)
        self.idle = {}

    def all(self):
        """All figures, as they are stored."""
        self.store.check()
        say("Measuring what an idle cluster takes")
        self.idle = self._used_while(lambda: time.sleep(10), subtracts_idle=False)[0]
        stored = self.bytes_of_entries()
        processor, more = self.processor_time()
        queued = self.bytes_of_queued_writes()
        self.store.close()
        self.folder.cleanup()
        return {
            "about": (
                "Written by the command. Processor time is in µs for one request, of all "
                "processes of a service together, above what they take when idle; bytes are of "
                "one copy."),
            "commands": dict.fromkeys(
                ["processor_us", "idle_cores", "bytes", "messages_per_second_per_core"], COMMAND),
            "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
                       "everything and the load on it",
            "conditions": f"64 users through Nginx, {ENTRIES:,} keys, values of {VALUE_BYTES} "
                          f"bytes, {self.seconds} s of each kind",
            "processor_us": processor,
            "idle_cores": {name: round(cores, 4) for name, cores in self.idle.items()},
            "bytes": {**stored, **more, **queued},
            # Of all three nodes together: a message is in each.
            "messages_per_second_per_core": {
                "queued_write": round(1e6 / processor["put_queued"]["rabbitmq"]),
                "change_event": round(1e6 / processor["put"]["rabbitmq"]),
            },
        }

    def bytes_of_entries(self):
        """The bytes of one entry in the database and in the cache."""
        say(f"Storing {ENTRIES:,} entries")
        rows, memory = self.database.bytes_of("entries"), self.cache.bytes_used()
        count = self.cache.count()
        self.store.prepare(1, ENTRIES, lambda *_: None)
        rows = self.database.bytes_of("entries") - rows
        memory = self.cache.bytes_used() - memory
        count = self.cache.count() - count
        return {
            "key": round(len(self.options.prefix) + sum(
                len(str(n)) for n in range(1, ENTRIES + 1)) / ENTRIES, 1),
            "value": VALUE_BYTES,
            "database_entry": round(rows / ENTRIES, 1),
            "cache_entry": round(memory / count, 1),
        }

    def processor_time(self):
        """The time of each kind of request in each service, and the bytes that a write leaves."""
        found = {"get_cached": self._cost("GET, cached", "get")[0]}
        found["get_missed"] = self._missed()
        # The first commits and pages of the file are not typical.
        self.generator.run("put", 1, 1, ENTRIES, False)
        log, events = self.database.log_position(), self.broker.disk_bytes("stream")
        found["put"], count = self._cost("PUT", "put")
        bytes_of = {
            "database_log_put": round((self.database.log_position() - log) / count, 1),
            "change_event": round((self.broker.disk_bytes("stream") - events) / count, 1),
        }
        self.generator.load.prefer = "respond-async"
        found["put_queued"] = self._cost("PUT, queued and applied", "put", drains=True)[0]
        self.generator.load.prefer = None
        found["delete"] = self._deleted()
        return found, bytes_of

    def bytes_of_queued_writes(self):
        """The bytes of one message in the queue, while no worker runs."""
        say("Measuring what a queued write takes on the disk")
        self.cluster.stop(["kv-worker"])
        self.generator.load.prefer = "respond-async"
        before = self.broker.disk_bytes("quorum")
        count = self.generator.run("put", self.seconds, 1, ENTRIES, False).requests
        grown = self.broker.disk_bytes("quorum") - before
        self.generator.load.prefer = None
        return {"queued_write": round(grown / count, 1)}

    def _missed(self):
        def miss():
            count = 0
            for _ in range(self.seconds):
                self.cache.clear()
                count += self.generator.run("get", 1, 1, ENTRIES, False).requests
            return count

        say("Measuring GET, not cached")
        used, count = self._used_while(miss)
        return _each(used, count)

    def _deleted(self):
        say("Measuring DELETE")
        used, count = self._used_while(
            lambda: self.generator.run("delete", self.seconds, 1, ENTRIES, False).requests)
        return _each(used, count)

    def _cost(self, title, mode, drains=False):
        say(f"Measuring {title}")

        def load():
            applied = self._applied()
            count = self.generator.run(mode, self.seconds, 1, ENTRIES, False).requests
            end = time.monotonic() + DRAIN_SECONDS_MAX
            while drains and self._applied() < applied + count:
                if time.monotonic() > end:
                    raise LoadTestError("kv-worker has not applied what was queued")
                time.sleep(0.2)
            return count

        used, count = self._used_while(load)
        return _each(used, count), count

    def _applied(self):
        return int(self.database.query("SELECT count(*) FROM operations"))

    def _used_while(self, action, subtracts_idle=True):
        """The processor seconds of each service (idle: cores), and what the action returned."""
        before, start = processor_seconds(self.cluster), time.monotonic()
        result = action()
        took = time.monotonic() - start
        used = processor_seconds(self.cluster)
        used = {name: used[name] - before[name] for name in used}
        if not subtracts_idle:
            return {name: seconds / took for name, seconds in used.items()}, result
        return {name: max(0, used[name] - self.idle[name] * took) for name in used}, result


def _each(used, count):
    """Microseconds for one request."""
    if not count:
        raise LoadTestError("not one request was answered")
    return {name: round(seconds / count * 1e6, 1) for name, seconds in used.items()}
