"""What speaks Prometheus' language for programs that do not: Redis, and the machine itself.

One exporter asks all Redis servers and Sentinels: Prometheus names the one it means in the request.
"""

import json

from . import probes, programs
from .service import Service

# What the dashboards show of the machine. Everything else would be stored and never looked at.
COLLECTORS = ["cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev"]
# Not disks: what the kernel keeps in memory, and read-only images.
NO_DISKS = "^(tmpfs|devtmpfs|overlay|squashfs|proc|sysfs|cgroup2?|fuse.*|nsfs|ramfs)$"


class Exporter(Service):
    """A process that is asked over HTTP and asks others in turn. It keeps nothing."""

    @property
    def address(self):
        return f"127.0.0.1:{self.ports['HTTP']}"

    def is_ready(self):
        return probes.http_get(self.ports["HTTP"], "/")[0] == 200


class RedisExporter(Exporter):
    """Asks a Redis or a Sentinel for its figures when Prometheus wants them."""

    kind = "redis-exporter"

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.redis_exporter}

    @staticmethod
    def target(server):
        """How a request names a server."""
        return f"redis://127.0.0.1:{next(iter(server.ports.values()))}"

    @property
    def _passwords(self):
        return self.folder / self.name / "passwords.json"

    def prepare(self):
        """A file: on the command line everybody could read them."""
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
            # Without a server of its own: it answers for the one that is named.
            "-redis.addr=",
            "-connection-timeout=2s",
            # Nobody looks at the figures of the exporter's own process.
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
