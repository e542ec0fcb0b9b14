"""Prometheus, which scrapes every process."""

import json

from . import probes, programs
from .folder import REPOSITORY
from .service import Service


class Prometheus(Service):
    """It reads its lists of targets from files, and again whenever they change."""

    kind = "prometheus"

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.prometheus}

    @property
    def _folder(self):
        return self.folder.make("prometheus")

    def prepare(self):
        self.folder.render(
            "prometheus/prometheus.yml",
            self._folder / "prometheus.yml",
            targets=self._folder / "targets",
            rules=REPOSITORY / "prometheus" / "rules",
            redis_exporter=self.cluster["redis-exporter"].address,
        )
        self.update()

    def command(self):
        return [
            programs.find("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--web.listen-address=127.0.0.1:{self.ports['HTTP']}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            "--storage.tsdb.retention.time=2d",
            "--storage.tsdb.retention.size=512MB",
            "--log.level=warn",
        ]

    def is_ready(self):
        return probes.http_get(self.ports["HTTP"], "/-/ready")[0] == 200

    def detail(self):
        """How many targets are up."""
        status, text = probes.http_get(self.ports["HTTP"], "/api/v1/query?query=up")
        if status != 200:
            return ""
        results = json.loads(text)["data"]["result"]
        answering = sum(result["value"][1] == "1" for result in results)
        return f"{answering} of {len(results)} targets up"

    def update(self):
        """Writes the current lists of targets."""
        members = self.cluster.members
        exporter = self.cluster["redis-exporter"]
        for job, use in {
            "kv-api": "HTTP",
            "kv-worker": "HTTP",
            "kv-autoscaler": "HTTP",
            "rabbitmq": "metrics",
            "cockroachdb": "console",
            "node": "HTTP",
        }.items():
            found = members({"cockroachdb": "cockroach", "node": "node-exporter"}.get(job, job))
            self._write_targets(job, {one: f"127.0.0.1:{one.ports[use]}" for one in found})
        for job in ("redis", "sentinel"):
            found = members(job) if exporter.is_member else []
            self._write_targets(job, {one: exporter.target(one) for one in found})
        self._write_targets("prometheus", {self: f"127.0.0.1:{self.ports['HTTP']}"})

    def _write_targets(self, job, addresses):
        """Dashboards show the name of a service instead of its port."""
        groups = [
            {"targets": [address], "labels": {"name": service.name, "instance": service.name}}
            for service, address in addresses.items()
        ]
        path = self._folder / "targets" / f"{job}.json"
        self.folder.write(path, json.dumps(groups, indent=2) + "\n", 0o644)
