"""The services of a running cluster: processor time and stored bytes."""

import os
import re
import subprocess
from urllib.parse import urlsplit

from kvcluster import processes, redis

# The model's names for the kinds of scripts/cluster. The master of Redis is separate, because all
# commands go through it.
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
    """The processor time of each service so far, over all of its processes."""
    used = dict.fromkeys([*SERVICES.values(), "redis-master"], 0.0)
    master = redis.master(cluster)
    for service in cluster.services:
        if service.kind in SERVICES and service.pid:
            is_master = service.ports.get("Redis") == master
            name = "redis-master" if is_master else SERVICES[service.kind]
            used[name] += processes.processor_seconds(service.pid)
    return used


class Database:
    """Figures of PostgreSQL."""

    def __init__(self, cluster):
        self.url = cluster.of_kind("database")[0].url

    def query(self, statement):
        """The single value that a statement returns."""
        # Command lines are public, so the password is not in it.
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
        """The bytes of a table with its indexes, after a vacuum."""
        self.query(f"VACUUM FULL {table}")
        return int(self.query(f"SELECT pg_total_relation_size('{table}')"))

    def log_position(self):
        """The bytes of write-ahead log so far."""
        return int(self.query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))


class Cache:
    """Figures of the Redis master."""

    def __init__(self, cluster):
        self.cluster = cluster

    def _ask(self, *words):
        port = redis.master(self.cluster)
        server = next(s for s in self.cluster.of_kind("redis") if s.ports["Redis"] == port)
        return server.ask(*words)

    def bytes_used(self):
        """The memory of keys and values, without that of an empty server."""
        text = str(self._ask("INFO", "memory"))
        return int(re.search(r"used_memory_dataset:(\d+)", text)[1])

    def count(self):
        """The number of keys."""
        return int(re.search(r"\d+", str(self._ask("DBSIZE")))[0])

    def clear(self):
        """Removes everything, so that the next reads miss."""
        self._ask("FLUSHALL")


class Broker:
    """Figures of RabbitMQ's nodes."""

    def __init__(self, cluster):
        self.cluster = cluster

    def disk_bytes(self, part):
        """The bytes on disk of the queues (`quorum`) or streams (`stream`), per node."""
        nodes = self.cluster.of_kind("rabbitmq")
        total = 0
        for node in nodes:
            folder = self.cluster.folder.path / node.name
            for path in folder.rglob(f"*/{part}/**/*"):
                # Allocated blocks, not the length: the write-ahead log is preallocated.
                total += path.stat().st_blocks * 512 if path.is_file() else 0
        return total / len(nodes)
