"""docker-compose.yml and the Dockerfile: built, started, broken, scaled, stopped and restarted."""

import json
import os
import signal
import ssl
import time
import unittest
import urllib.request
from pathlib import Path

from containers import engine
from containers.project import POSTGRES, TLS, Project, describe, make_certificate, service_of
from containers.traffic import Load

BYTES_MAX = 150_000_000
# Requests fail while it is down: it is the only service without a second instance on their way.
ENTRY = "nginx"

# An autoscaler that decides quickly and adds replicas at low load.
HASTE = {
    "KV_AUTOSCALER_API_REQUESTS": 60,
    "KV_AUTOSCALER_API_MAX": 4,
    "KV_AUTOSCALER_INTERVAL": 5,
    "KV_AUTOSCALER_WINDOW": 20,
    "KV_AUTOSCALER_SETTLE": 20,
    "KV_AUTOSCALER_DOWN_WINDOW": 20,
    "KV_AUTOSCALER_DOWN_PERIOD": 5,
}


class Compose(unittest.TestCase):
    """One project for all tests, because its start takes minutes. Tests leave it unchanged."""

    @classmethod
    def setUpClass(cls):
        try:
            cls.engine = cls.enterClassContext(engine.find())
        except engine.NoEngine as error:
            # A failure, so that it is not taken for a passed test.
            raise AssertionError(f"Docker is not available: {error}") from None
        cls.project = Project(cls.engine, "kv-test", settings=HASTE)
        cls.addClassCleanup(cls.project.remove)
        postgres = Project(cls.engine, "kv-test-postgres", POSTGRES)
        cls.addClassCleanup(postgres.remove)
        cls.postgres = postgres
        cls.engine.provide(sorted({*cls.project.images(), *postgres.images()}))
        start = time.monotonic()
        cls.project.up("--build")
        print(f"built, started and healthy after {time.monotonic() - start:.0f} s", flush=True)

    def write(self, key, value, seconds=30, project=None):
        """Repeats a plain write until it is acknowledged."""
        end = time.monotonic() + seconds
        while True:
            status, body = (project or self.project).request("PUT", f"/kv/{key}", value)
            if status in (200, 201, 202):
                return status
            self.assertLess(time.monotonic(), end, f"PUT {key}: {status} {body!r}")
            time.sleep(0.2)

    def read(self, key, value, seconds=60, project=None):
        """Reads until the value is there: queued writes are applied later."""
        end = time.monotonic() + seconds
        while (project or self.project).request("GET", f"/kv/{key}") != (200, value):
            self.assertLess(time.monotonic(), end, f"GET {key} does not return {value!r}")
            time.sleep(0.1)

    def test_writes_and_reads(self):
        status, body = self.project.request("PUT", "/kv/a", b"Hello")
        self.assertEqual(status, 201, body)
        self.assertEqual(json.loads(body)["size"], 5)
        self.assertEqual(self.project.request("GET", "/kv/a"), (200, b"Hello"))
        self.assertEqual(self.project.request("DELETE", "/kv/a")[0], 204)
        self.assertEqual(self.project.request("GET", "/kv/a")[0], 404)

    def test_nginx_serves_tls(self):
        certificate = make_certificate(self.project.folder / "nginx" / "tls")
        # The user of Nginx in the image.
        os.chown(certificate.with_name("key.pem"), 101, -1)
        self.project.compose("up", "--detach", "--no-deps", "nginx", files=TLS)
        try:
            self.project.wait_until_healthy()
            context = ssl.create_default_context(cafile=certificate)
            with urllib.request.urlopen(
                f"https://localhost:{self.project.tls_port}/health", context=context, timeout=15
            ) as response:
                self.assertIn("max-age", response.headers["Strict-Transport-Security"])
                self.assertEqual(json.load(response)["status"], "healthy")
        finally:
            self.project.compose("up", "--detach", "--no-deps", "nginx")
            self.project.wait_until_healthy()

    def test_queued_writes_are_applied(self):
        status, body = self.project.request(
            "PUT", "/kv/queued", b"later", {"Prefer": "respond-async"}
        )
        self.assertEqual(status, 202, body)
        self.read("queued", b"later")

    def test_every_part_is_healthy(self):
        status, body = self.project.request("GET", "/health")
        self.assertEqual((status, json.loads(body)["status"]), (200, "healthy"), body)

    def test_prometheus_sees_every_replica(self):
        wanted = {"kv-api": 2, "kv-worker": 2, "rabbitmq": 3, "redis": 3, "sentinel": 3}
        self.wait_for(lambda: self.targets_up(wanted) == wanted, lambda: self.targets_up(wanted))

    def targets_up(self, jobs):
        found = {labels["job"]: count for labels, count in self.project.query("sum by (job) (up)")}
        return {job: found.get(job, 0) for job in jobs}

    def wait_for(self, is_true, state, seconds=60):
        end = time.monotonic() + seconds
        while not is_true():
            self.assertLess(time.monotonic(), end, f"after {seconds} s: {state()}")
            time.sleep(0.3)

    def test_the_images_are_small_and_have_an_unprivileged_user(self):
        for image in ("kv-api:local", "kv-worker:local", "kv-autoscaler:local"):
            with self.subTest(image):
                found = json.loads(self.engine.docker("inspect", image))[0]
                self.assertLess(found["Size"], BYTES_MAX)
                self.assertEqual(found["Config"]["User"], "65532:65532")
                self.assertIn("ready-http", found["Config"]["Healthcheck"]["Test"])

    def test_containers_are_confined(self):
        for name, found in self.project.containers().items():
            with self.subTest(name):
                host = found["HostConfig"]
                self.assertFalse(host["Privileged"])
                self.assertIn("no-new-privileges:true", host["SecurityOpt"])
                self.assertEqual(host["LogConfig"]["Config"]["max-file"], "3")
                if service_of(found).startswith("kv-"):
                    self.assertTrue(host["ReadonlyRootfs"])
                    self.assertEqual(host["CapDrop"], ["ALL"])

    def test_nginx_is_the_only_public_entry(self):
        for name, found in self.project.containers().items():
            for bindings in found["NetworkSettings"]["Ports"].values():
                for binding in bindings or ():
                    with self.subTest(name):
                        self.assertEqual(binding["HostIp"], "127.0.0.1")
        for path in ("/metrics", "/metrics?x=1"):
            self.assertEqual(self.project.request("GET", path)[0], 404)

    def test_it_survives_the_loss_of_any_container(self):
        """Each in turn: no acknowledged write is lost, and the container becomes healthy again."""
        for name in sorted(self.project.containers()):
            found = self.project.containers()[name]
            if describe(found) == "done":
                continue
            with self.subTest(name):
                self.engine.docker("kill", name)
                keys = [f"killed/{name}/{number}" for number in range(5)]
                if service_of(found) != ENTRY:
                    for key in keys:
                        self.write(key, key.encode())
                self.engine.docker("start", name)
                if service_of(found) == ENTRY:
                    for key in keys:
                        self.write(key, key.encode())
                self.project.wait_until_healthy()
                for key in keys:
                    self.read(key, key.encode())

    def test_a_crashed_service_is_started_again(self):
        for service in ("kv-api", "kv-worker", "redis-1", "rabbitmq-2", "nginx"):
            name, found = next(iter(self.project.of_service(service).items()))
            with self.subTest(name):
                pid = found["State"]["Pid"]
                # Fails for an engine on another machine, which has other process ids.
                self.assertIn(found["Id"], Path(f"/proc/{pid}/cgroup").read_text())
                os.kill(pid, signal.SIGKILL)
                self.wait_for(lambda name=name, pid=pid: self.pid(name) not in (0, pid), name.title)
                self.project.wait_until_healthy()

    def pid(self, name):
        return self.project.containers()[name]["State"]["Pid"]

    def test_the_data_survive_down_and_up(self):
        self.write("kept/plain", b"one")
        status, body = self.project.request(
            "PUT", "/kv/kept/queued", b"two", {"Prefer": "respond-async"}
        )
        self.assertEqual(status, 202, body)
        self.project.down()
        self.assertEqual(self.project.containers(), {})
        self.project.up()
        self.assertEqual(self.project.request("GET", "/kv/kept/plain"), (200, b"one"))
        self.read("kept/queued", b"two")

    def test_replicas_come_and_go_without_a_failed_request(self):
        """Through the file that scaler reads. Nginx uses a third kv-api without a restart."""
        scaler = next(iter(self.project.of_service("scaler")))
        for wrong in ("99", "0", "-1", "3; true", "$(true)", ""):
            self.want(scaler, wrong)
        self.want(scaler, "3")
        # Wait for Prometheus, as kv-autoscaler would take the new replica for missing.
        self.wait_for_replicas(3)
        self.project.wait_until_healthy()
        self.wait_for(self.all_serve, self.served)
        self.want(scaler, "2")
        end = time.monotonic() + 15
        while time.monotonic() < end:
            self.assertEqual(self.project.request("GET", "/kv?limit=1")[0], 200)
            # With more requests, the autoscaler would add the third replica again.
            time.sleep(0.05)
        self.wait_for_replicas(2)

    def test_load_raises_the_replicas_and_quiet_lowers_them(self):
        self.wait_for_replicas(2, 120)
        with Load(self.project.port, clients=8) as load:
            self.wait_for_replicas(4, 120)
            self.wait_for(self.all_serve, self.served)
        self.wait_for_replicas(2, 180)
        self.assertGreater(load.answers.get(200, 0), 1000)
        self.assertEqual(load.failures, {}, load.answers)

    def want(self, scaler, text):
        """Writes a number as kv-autoscaler does, and waits until scaler has read it."""
        command = 'printf %s "$TEXT" >/wanted/kv-api'
        self.engine.docker("exec", "-e", f"TEXT={text}", scaler, "sh", "-c", command)
        self.wait_for(
            lambda: not self.engine.docker("exec", scaler, "ls", "/wanted"), lambda: "not read"
        )

    def wait_for_replicas(self, count, seconds=60):
        self.wait_for(
            lambda: self.targets_up(["kv-api"]) == {"kv-api": count}
            and len(self.project.of_service("kv-api")) == count,
            lambda: (self.targets_up(["kv-api"]), list(self.project.of_service("kv-api"))),
            seconds,
        )

    def served(self):
        """The number of requests at each kv-api."""
        for _ in range(20):
            self.project.request("GET", "/kv/nothing")
        query = "sum by (instance) (kv_http_requests_total{job='kv-api',route='/kv/{key}'})"
        return self.project.query(query)

    def all_serve(self):
        found = self.served()
        return len(found) >= 3 and all(count > 0 for _, count in found)

    def test_the_same_on_postgresql(self):
        self.project.down()
        try:
            self.postgres.up()
            names = {service_of(found) for found in self.postgres.containers().values()}
            self.assertIn("postgres", names)
            self.assertFalse([name for name in names if name.startswith("cockroach")])
            self.write("a", b"Hello", project=self.postgres)
            self.read("a", b"Hello", project=self.postgres)
            self.postgres.down()
            self.postgres.up()
            self.read("a", b"Hello", project=self.postgres)
        finally:
            self.postgres.remove()
            self.project.up()
