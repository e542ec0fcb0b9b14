"""This project's own processes, and all of their settings."""

import os
import shlex
from pathlib import Path

from . import probes, redis
from .errors import ClusterError
from .folder import REPOSITORY
from .service import Service


# Variables with the prefix KV_ that only scripts and tests read.
FOREIGN_NAMES = {"KV_COCKROACH", "KV_TOKEN"}
FOREIGN_PREFIXES = ("KV_DOCKER_", "KV_TEST_")


def given_settings():
    """Settings of the shell for this project's programs, including mistyped ones: the programs
    warn."""
    return {
        name: text
        for name, text in os.environ.items()
        if name.startswith("KV_")
        and name not in FOREIGN_NAMES
        and not name.startswith(FOREIGN_PREFIXES)
    }


def backing_settings(cluster):
    """The addresses and passwords of the services behind kv-api and kv-worker."""
    passwords = cluster.folder.passwords
    announced = cluster.ports.announced
    sentinels = [announced(one.ports["Sentinel"]) for one in cluster.of_kind("sentinel")]
    return {
        "KV_DATABASE_URL": cluster.of_kind("database")[0].url,
        "KV_REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in sentinels),
        "KV_REDIS_MASTER": redis.MASTER,
        "KV_REDIS_PASSWORD": passwords["redis"],
        "KV_REDIS_SENTINEL_PASSWORD": passwords["sentinel"],
        "KV_AMQP_URLS": ",".join(node.url for node in cluster.of_kind("rabbitmq")),
        "KV_LOG_LEVEL": "info",
    }


class Node(Service):
    """A process of this project. It starts without the services behind it, and reports
    readiness."""

    # More than KV_DRAIN_SECONDS, which is 20.
    stop_seconds = 25
    after = ("database", "redis", "sentinel", "rabbitmq")

    @property
    def port(self):
        return self.ports["HTTP"]

    def settings(self):
        """All settings that are not defaults; some may come from the shell."""
        given = {
            name: text
            for name, text in given_settings().items()
            if not name.startswith("KV_AUTOSCALER_")
        }
        listen = {"KV_LISTEN": f"127.0.0.1:{self.port}"}
        return given | backing_settings(self.cluster) | listen | self.cluster.settings

    def command(self):
        program = Path(self.cluster.binaries or "") / self.kind
        if self.cluster.binaries is None or not os.access(program, os.X_OK):
            raise ClusterError(f"there is no program {program}: build it, or name --binaries")
        return [program]

    def environment(self):
        return super().environment() | self.settings()

    def is_ready(self):
        return probes.http_get(self.port, "/health/ready")[0] == 200

    def detail(self):
        status, text = probes.http_get(self.port, "/health")
        for word in ("unhealthy", "degraded", "healthy"):
            if status and f'"{word}"' in text:
                return word
        return ""


class API(Node):
    """Serves keys, behind Nginx."""

    kind = "kv-api"

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.api(self.number)}


class Worker(Node):
    """Applies queued writes. It listens for /metrics and /health only."""

    kind = "kv-worker"

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.worker(self.number)}


class Autoscaler(Node):
    """Scales kv-api and kv-worker with scripts/cluster. Optional."""

    kind = "kv-autoscaler"
    after = ("prometheus",)
    # A running command gets 5 s to end.
    stop_seconds = 15

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.autoscaler}

    def settings(self):
        script, folder = (
            shlex.quote(str(path)) for path in (REPOSITORY / "scripts/cluster", self.folder.path)
        )
        return given_settings() | {
            "KV_LISTEN": f"127.0.0.1:{self.port}",
            "KV_AUTOSCALER_PROMETHEUS_URL": f"http://127.0.0.1:{self.cluster.ports.prometheus}",
            "KV_AUTOSCALER_COMMAND": f"{script} scale --dir {folder} {{service}} {{replicas}}",
            "KV_AUTOSCALER_PRESET": "",
            # The names that this cluster gives them.
            "KV_AUTOSCALER_API_SERVICE": "kv-api",
            "KV_AUTOSCALER_WORKER_SERVICE": "kv-worker",
        }
