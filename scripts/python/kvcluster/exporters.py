"""Exporters for what has no metrics endpoint of its own: Redis and the machine.

One exporter queries all Redis servers and Sentinels: each request of Prometheus names the server.
"""

import json

from . import probes, programs
from .service import Service

# Only what the dashboards show.
COLLECTORS = ["cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev"]
# File systems in memory, and read-only images.
NO_DISKS = "^(tmpfs|devtmpfs|overlay|squashfs|proc|sysfs|cgroup2?|fuse.*|nsfs|ramfs)$"


class Exporter(Service):
    """A process that answers over HTTP. It stores nothing."""

    @property
    def address(self):
        return f"127.0.0.1:{self.ports['HTTP']}"

    def is_ready(self):
        return probes.http_get(self.ports["HTTP"], "/")[0] == 200


class RedisExporter(Exporter):
    """Queries a Redis or a Sentinel when Prometheus scrapes it."""

    kind = "redis-exporter"

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.redis_exporter}

    @staticmethod
    def target(server):
        """The name of a server in a request."""
        return f"redis://127.0.0.1:{next(iter(server.ports.values()))}"

    @property
    def _passwords(self):
        return self.folder / self.name / "passwords.json"

    def prepare(self):
        """Writes passwords to a file, because command lines are public."""
        passwords = {
            self.target(server): self.folder.passwords[server.kind]
            for kind in ("redis", "sentinel")
            for server in self.cluster.of_kind(kind)
        }
        self.folder.make(self.name)
        self.folder.write(self._passwords, json.dumps(passwords, indent=2) + "\n")

    def command(self):
        return [
            programs.find("prometheus-redis-exporter"),
            f"-web.listen-address={self.address}",
            f"-redis.password-file={self._passwords}",
            # No default server: each request names one.
            "-redis.addr=",
            "-connection-timeout=2s",
            # No metrics about the exporter itself.
            "-redis-only-metrics",
        ]

    def detail(self):
        servers = len(self.cluster.members("redis")) + len(self.cluster.members("sentinel"))
        return f"asks {servers} servers"


class NodeExporter(Exporter):
    """The machine: processors, memory, disks, network."""

    kind = "node-exporter"

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.node_exporter}

    def command(self):
        return [
            programs.find("prometheus-node-exporter"),
            f"--web.listen-address={self.address}",
            "--web.disable-exporter-metrics",
            "--collector.disable-defaults",
            *[f"--collector.{name}" for name in COLLECTORS],
            f"--collector.filesystem.fs-types-exclude={NO_DISKS}",
            "--log.level=warn",
        ]
