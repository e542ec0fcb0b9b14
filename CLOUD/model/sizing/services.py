"""The services of a running cluster: their processor time, and the bytes that they hold."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from kvcluster import redis

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# The model's names for what scripts/cluster calls its kinds. Of Redis, the master is apart: it is
# the one that all commands go through.
SERVICES = {
    "nginx": "nginx",
    "kv-api": "kv-api",
    "kv-worker": "kv-worker",
    "postgres": "database",
    "cockroach": "database",
    "redis": "redis-replicas",
    "sentinel": "redis-replicas",
    "rabbitmq": "rabbitmq",
}


def processor_seconds(cluster):
    """What each service has used so far, all of its processes together."""
    used = dict.fromkeys([*SERVICES.values(), "redis-master"], 0.0)
    master = redis.master(cluster)
    for service in cluster.services:
        if service.kind in SERVICES and service.pid:
            is_master = service.ports.get("Redis") == master
            name = "redis-master" if is_master else SERVICES[service.kind]
            used[name] += _tree_seconds(service.pid)
    return used


def _tree_seconds(pid):
    """Of a process and its children; those that have ended are counted by their parents."""
    pids, ticks = [pid], 0
    for one in pids:
        try:
            pids += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
            # The name in round brackets may hold spaces.
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / TICKS_PER_SECOND


class Database:
    """PostgreSQL's own figures."""

    def __init__(self, cluster):
        self.url = cluster.of_kind("database")[0].url

    def query(self, statement):
        """The one value that a statement returns."""
        # The password stays off the command line.
        parts = urlsplit(self.url)
        host, _, port = parts.netloc.rpartition("@")[2].partition(",")[0].partition(":")
        environment = {
            **os.environ,
            "PGHOST": host,
            "PGPORT": port,
            "PGUSER": parts.username or "",
            "PGPASSWORD": parts.password or "",
            "PGDATABASE": parts.path.lstrip("/"),
        }
        done = subprocess.run(
            ["psql", "--no-psqlrc", "-tAc", statement],
            env=environment, check=True, capture_output=True, text=True,
        )
        return done.stdout.strip()

    def bytes_of(self, table):
        """With its indexes, after what is dead in it was given back."""
        self.query(f"VACUUM FULL {table}")
        return int(self.query(f"SELECT pg_total_relation_size('{table}')"))

    def log_position(self):
        """Bytes of write-ahead log so far."""
        return int(self.query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))


class Cache:
    """Redis' own figures, of the master."""

    def __init__(self, cluster):
        self.cluster = cluster

    def _ask(self, *words):
        port = redis.master(self.cluster)
        server = next(s for s in self.cluster.of_kind("redis") if s.ports["Redis"] == port)
        return server.ask(*words)

    def bytes_used(self):
        """Memory of the keys and values, without what an empty server has."""
        text = str(self._ask("INFO", "memory"))
        return int(re.search(r"used_memory_dataset:(\d+)", text)[1])

    def count(self):
        """Keys."""
        return int(re.search(r"\d+", str(self._ask("DBSIZE")))[0])

    def clear(self):
        """Forgets everything: the next reads miss."""
        self._ask("FLUSHALL")


class Broker:
    """What RabbitMQ's nodes have on the disk."""

    def __init__(self, cluster):
        self.cluster = cluster

    def disk_bytes(self, part):
        """Of the queues (`quorum`) or the streams (`stream`), of one node on average."""
        nodes = self.cluster.of_kind("rabbitmq")
        total = 0
        for node in nodes:
            folder = self.cluster.folder.path / node.name
            for path in folder.rglob(f"*/{part}/**/*"):
                # What is there, not what a file could grow to: the write-ahead log is made ready.
                total += path.stat().st_blocks * 512 if path.is_file() else 0
        return total / len(nodes)
