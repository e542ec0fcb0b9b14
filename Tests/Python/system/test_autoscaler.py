"""kv-autoscaler on the real cluster: load adds replicas, and quiet removes them."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from support import wait_until
from support.client import Client
from system import running
from system.load import Load

# Seconds instead of minutes; other settings have their defaults.
SETTINGS = {
    "KV_AUTOSCALER_INTERVAL": "2",
    "KV_AUTOSCALER_WINDOW": "15",
    "KV_AUTOSCALER_DOWN_WINDOW": "10",
    "KV_AUTOSCALER_DOWN_PERIOD": "5",
    "KV_AUTOSCALER_UP_PERIOD": "2",
    "KV_AUTOSCALER_SETTLE": "20",
    "KV_AUTOSCALER_API_MAX": "4",
    # The load runs on the same machine, and the build is a debug build: CPU use says little.
    "KV_AUTOSCALER_API_CPU": "0",
    "KV_AUTOSCALER_WORKER_CPU": "0",
    "KV_AUTOSCALER_API_LATENCY": "60000",
    "KV_AUTOSCALER_API_REQUESTS": "40",
    "KV_AUTOSCALER_WORKER_MAX": "3",
    "KV_AUTOSCALER_WORKER_BACKLOG": "1",
    "KV_AUTOSCALER_WORKER_BACKLOG_MIN": "100",
}
# Messages that a worker takes at a time: few enough that the queue empties slowly.
PREFETCH = {"postgres": "1", "cockroach": "20"}


class Queueing:
    """Threads that queue writes as fast as they are accepted."""

    def __init__(self, port, threads=6):
        self.statuses = []
        self.errors = []
        self._port = port
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(threads)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number):
        client = Client([self._port], 30)
        try:
            while not self._stopping.is_set():
                answer = client.put(f"queueing-{number}", "1", Prefer="respond-async")
                self.statuses.append(answer.status)
        except Exception as error:
            self.errors.append(error)
        finally:
            client.close()


class Autoscaler(running.Case):
    """Each test begins and ends with two replicas of kv-api and of kv-worker."""

    @classmethod
    def setUpClass(cls):
        cls.folder = running.CLUSTER.folder
        cls.cluster = running.CLUSTER
        with cls.environment():
            cls.cluster.command("stop", "kv-worker")
            cls.cluster.command("start", "kv-worker")
            cls.cluster.command("up", "--autoscaler", "--binaries", cls.cluster.binaries)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.command("resume", "kv-worker")
        cls.cluster.command("up", "--no-autoscaler", "--binaries", cls.cluster.binaries)
        cls.cluster.command("scale", "kv-api", "2")
        cls.cluster.command("scale", "kv-worker", "2")
        cls.cluster.command("stop", "kv-worker")
        cls.cluster.command("start", "kv-worker")

    @classmethod
    @contextlib.contextmanager
    def environment(cls):
        """The settings of these tests, for services that start within the block."""
        settings = SETTINGS | {"KV_WORKER_PREFETCH": PREFETCH[running.CLUSTER.database]}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name in settings:
                del os.environ[name]

    # State

    def replicas(self, kind):
        """The number of replicas, as the cluster reports it."""
        plan = json.loads((self.folder / "cluster.json").read_text())
        return plan["replicas"][kind]

    def decisions(self, service, since=0):
        """The logged decisions about a service, the latest last."""
        text = (self.folder / "logs" / "kv-autoscaler.log").read_text()
        lines = [json.loads(line) for line in text.splitlines()[since:]]
        return [line for line in lines if line.get("service") == service and "reasons" in line]

    @property
    def logged(self):
        """The number of lines in its log."""
        return len((self.folder / "logs" / "kv-autoscaler.log").read_text().splitlines())

    def wait_for_replicas(self, kind, count, seconds):
        try:
            wait_until(lambda: self.replicas(kind) == count, seconds, f"{count} {kind}")
        except AssertionError as error:
            last = "\n".join(json.dumps(line) for line in self.decisions(kind)[-6:])
            raise AssertionError(f"{error}; its last decisions:\n{last}") from None

    def wait_for_decision(self, service, is_it, what):
        """Waits for a matching decision from now on."""
        begin = self.logged
        wait_until(
            lambda: any(is_it(line) for line in self.decisions(service, begin)), 40, what)

    def wait_for_counter(self, name):
        """Waits until a counter of the autoscaler is not 0 any more."""
        wait_until(lambda: self.metrics().get(name, 0) >= 1, 40, name)

    def metrics(self):
        status = self.client.request("GET", "/metrics", port=self.port)
        self.assertEqual(status.status, 200)
        lines = status.body.decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    @property
    def port(self):
        members = json.loads(self.cluster.command("status", "--json", check=False))
        return next(
            port
            for member in members
            if member["name"] == "kv-autoscaler"
            for port in member["ports"].values()
        )

    # Tests

    def test_load_and_quiet(self):
        """Load adds kv-api, a backlog adds kv-worker, quiet removes both, and nothing fails."""
        port = self.cluster.port("nginx")
        self.assertEqual((self.replicas("kv-api"), self.replicas("kv-worker")), (2, 2))
        # A light load runs all the time, and every answer is checked.
        with Load([port], writers=2, keys=5, pause=0.1, prefix=self.prefix) as quiet:
            self.cluster.command("pause", "kv-worker")
            with Queueing(port) as queueing:
                self.wait_for_replicas("kv-api", 4, 60)
                # Hung workers report nothing, so nothing is decided about them.
                self.assertEqual(self.replicas("kv-worker"), 2)
                self.cluster.command("resume", "kv-worker")
                self.wait_for_replicas("kv-worker", 3, 60)
            self.wait_for_counter(
                'kv_autoscaler_decisions_total{direction="up",service="kv-api"}')
            # The plan names the new replica before the command has ended.
            self.wait_for_counter(
                'kv_autoscaler_commands_total{result="succeeded",service="kv-worker"}')
            self.wait_for_replicas("kv-api", 2, 90)
            self.wait_for_replicas("kv-worker", 2, 90)
        self.assertEqual(queueing.errors, [])
        self.assertEqual(set(queueing.statuses), {202})
        self.assertClean(quiet)
        self.assertEqual(quiet.errors, [])
        self.assertEqual(
            {status for _, status in quiet.statuses} - {200, 201, 202, 404}, set(), quiet.statuses)

    def test_absence_of_prometheus(self):
        """Without Prometheus nothing is decided. Prometheus and the autoscaler may be restarted."""
        try:
            with self.cluster.without("prometheus", "stop"):
                self.wait_for_decision(
                    "kv-api", lambda line: "replicas" not in line, "decision without Prometheus")
                self.cluster.command("scale", "kv-api", "4")
                health = self.client.request("GET", "/health", port=self.port)
                self.assertEqual(json.loads(health.body)["status"], "degraded")
                ready = self.client.request("GET", "/health/ready", port=self.port)
                self.assertEqual(ready.status, 200)
                self.cluster.command("kill", "kv-autoscaler")
                with self.environment():
                    self.cluster.command("start", "kv-autoscaler")
                self.wait_for_decision(
                    "kv-api", lambda line: "replicas" not in line, "decision after a restart")
                self.assertEqual(self.replicas("kv-api"), 4)
            begin = self.logged
            self.wait_for_replicas("kv-api", 2, 90)
            # It has counted the replicas again, and waited the whole window before lowering them.
            first = next(line for line in self.decisions("kv-api", begin) if "replicas" in line)
            self.assertEqual((first["replicas"], first["desired"]), (4, 4), first)
        finally:
            self.cluster.command("scale", "kv-api", "2")

    def run_autoscaler(self, *arguments, **settings):
        """Starts one more kv-autoscaler, which does not change the cluster."""
        prometheus = self.cluster.port("prometheus")
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith("KV_")
        } | {
            "KV_LISTEN": "127.0.0.1:0",
            "KV_AUTOSCALER_PROMETHEUS_URL": f"http://127.0.0.1:{prometheus}",
        } | settings
        return subprocess.Popen(
            [Path(self.cluster.binaries) / "kv-autoscaler", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def test_leaving_with_a_command(self):
        """SIGTERM ends it and its running command at once."""
        file = self.folder / "command.pid"
        process = self.run_autoscaler(
            KV_AUTOSCALER_COMMAND=f"sh -c 'echo $$ > {file}; exec sleep 300' "
            "{service} {replicas}",
            KV_AUTOSCALER_API_MIN="9",
        )
        try:
            wait_until(lambda: file.exists() and file.read_text(), 30, "command")
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=30)
            self.assertLess(time.monotonic() - start, 10)
            self.assertEqual(process.returncode, 0, output)
            self.assertIn("a command was ended, as this process is leaving", output)
            self.assertFalse(Path(f"/proc/{file.read_text().strip()}").exists())
        finally:
            process.kill()
            process.communicate()

    def test_one_dry_round(self):
        """`--once --dry-run` prints what it would do, with every metric."""
        # Prometheus notices a removed replica a moment later.
        name = 'kv_autoscaler_replicas{service="kv-api"}'
        wait_until(lambda: self.metrics().get(name) == 2, 30, "2 replicas in Prometheus")
        process = self.run_autoscaler("--once", "--dry-run", KV_AUTOSCALER_API_MIN="5")
        output, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, output)
        lines = {line.get("service"): line for line in map(json.loads, output.splitlines())}
        api, worker = lines["kv-api"], lines["kv-worker"]
        self.assertEqual((api["replicas"], api["desired"], api["dry_run"]), (2, 5, True))
        self.assertIn("never fewer than 5", api["reasons"])
        self.assertEqual(set(api["metrics"]), {"cpu", "requests", "latency", "in_flight"})
        self.assertEqual(set(worker["metrics"]), {"backlog", "cpu"})
        for metric in [*api["metrics"].values(), *worker["metrics"].values()]:
            self.assertIn("value", metric)
        self.assertEqual(self.replicas("kv-api"), 2)
        blind = self.run_autoscaler(
            "--once", "--dry-run", KV_AUTOSCALER_PROMETHEUS_URL="http://127.0.0.1:1")
        output, _ = blind.communicate(timeout=30)
        self.assertEqual(blind.returncode, 69, output)
