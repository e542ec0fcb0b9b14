"""Prometheus, which asks every process for its figures."""

import json

from . import probes, programs
from .service import Service


class Prometheus(Service):
    """Its lists of targets are files; it notices by itself when they change."""

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
        """How many targets answer."""
        status, text = probes.http_get(self.ports["HTTP"], "/api/v1/query?query=up")
        if status != 200:
            return ""
        results = json.loads(text)["data"]["result"]
        answering = sum(result["value"][1] == "1" for result in results)
        return f"{answering} of {len(results)} targets up"

    def update(self):
        """Takes note of every process that has come or left."""
        jobs = {
            "kv-api": (self.cluster.members("kv-api"), "HTTP"),
            "kv-worker": (self.cluster.members("kv-worker"), "HTTP"),
            "kv-autoscaler": (self.cluster.members("kv-autoscaler"), "HTTP"),
            "rabbitmq": (self.cluster.members("rabbitmq"), "metrics"),
            "prometheus": ([self], "HTTP"),
        }
        for job, (members, use) in jobs.items():
            groups = [
                {"targets": [f"127.0.0.1:{member.ports[use]}"], "labels": {"name": member.name}}
                for member in members
            ]
            path = self._folder / "targets" / f"{job}.json"
            self.folder.write(path, json.dumps(groups, indent=2) + "\n", 0o644)
