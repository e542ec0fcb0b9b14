"""The proxy as the run sees it: it is started, told rules, and ended."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

KINDS = ("database", "redis", "sentinel", "epmd", "rabbitmq", "kv-api", "nginx")
FOLDER = Path(__file__).resolve().parents[1]


class Network:
    """The proxy of a cluster, within a `with` block."""

    def __init__(self, services, detour, folder):
        """services: the ports of each, by name; folder: that of the cluster."""
        self._plan = {
            "services": services, "detour": detour, "folder": str(folder), "clients": os.getpid(),
        }
        self._numbers = itertools.count(1)
        # How many connections there were, by source and target.
        self.counts = {}

    @classmethod
    def of(cls, cluster):
        """For all services of a cluster whose ports others use."""
        services = {
            one.name: list(one.ports.values())
            for kind in KINDS
            for one in cluster.of_kind(kind)
        }
        return cls(services, cluster.ports.detour, cluster.folder.path)

    def __enter__(self):
        path = [str(FOLDER), str(FOLDER.parents[1] / "scripts" / "python")]
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "chaos.proxy"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the run, which may still need it.
            start_new_session=True,
        )
        self._ask(self._plan)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def begin(self, mode, sources, targets, **amounts):
        """Sets a rule. Returns its number, and how many connections it is about."""
        number = next(self._numbers)
        rule = {"mode": mode, "sources": list(sources), "targets": list(targets)} | amounts
        answer = self._ask({"begin": number, "rule": rule})
        return number, answer["connections"]

    def end(self, number):
        self._ask({"end": number})

    def _ask(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the proxy has ended")
        answer = json.loads(line)
        self.counts = answer.get("counts", self.counts)
        return answer
