"""The files of containers, read by the real programs; no Docker engine is needed."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest
import yaml

from containers.project import make_certificate
from kvcluster import programs
from support import ROOT, free_port

OVERRIDE = ["-f", "docker-compose.yml", "-f", "docker-compose.postgres.yml"]
RENDER = ROOT / "scripts" / "containers" / "render"


def run(*words, **more):
    """Runs a program; returns its output, or fails with it."""
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **more,
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}:\n{done.stdout}")
    return done.stdout


def nginx():
    return shutil.which("nginx") or "/usr/sbin/nginx"


class InTemporaryFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kv-deployment-", ignore_cleanup_errors=True)
        self.folder = Path(self.enterContext(folder))
        # Servers that run as other users need access.
        self.folder.chmod(0o755)

    def render(self, template, **values):
        return run(RENDER, ROOT / template, env=os.environ | values)


class ComposeFiles(InTemporaryFolder):
    """The files as docker-compose reads them, with the settings of scripts/env."""

    def config(self, *files, more=None):
        environment = self.folder / "env"
        run("scripts/env", environment, cwd=ROOT)
        profiles = {"COMPOSE_PROFILES": "autoscaler", "PWD": str(ROOT)}
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KV_", "COMPOSE_"))}
        text = run(
            *["docker-compose", "--env-file", environment, *files, "config"],
            cwd=ROOT,
            env=clean | profiles | (more or {}),
        )
        return yaml.safe_load(text)

    def test_every_service_has_a_restart_policy_a_health_check_and_limits(self):
        for files in ((), OVERRIDE):
            for name, service in self.config(*files)["services"].items():
                with self.subTest(name, files=files):
                    options = service["logging"]["options"]
                    self.assertEqual((options["max-size"], options["max-file"]), ("10m", "3"))
                    self.assertIn("no-new-privileges:true", service["security_opt"])
                    if service["restart"] == "no":
                        continue
                    self.assertEqual(service["restart"], "unless-stopped")
                    self.assertIn("mem_limit", service)
                    self.assertIn("pids_limit", service)
                    # Images that are built here have a health check in the Dockerfile.
                    self.assertTrue("healthcheck" in service or "build" in service)

    def test_every_image_has_one_version(self):
        for files in ((), OVERRIDE):
            for name, service in self.config(*files)["services"].items():
                with self.subTest(name):
                    self.assertRegex(service["image"], r"^[a-z/0-9_-]+:(v?\d+\.\d+\S*|local)$")
        dockerfile = (ROOT / "Dockerfile").read_text()
        for image in re.findall(r"^ARG \w+_IMAGE=(\S+)$", dockerfile, re.MULTILINE):
            self.assertRegex(image, r":\d+\.\d+")

    def test_settings_of_env_reach_kv_api(self):
        """And every replica that scaler starts."""
        traced = {"KV_OTLP_URL": "http://collector:4318", "KV_OTLP_SAMPLE": "0.5"}
        both = traced | {
            "KV_CORS_ORIGINS": "https://shop.example", "KV_MAX_WATCHERS": "50",
            "KV_TOKENS_FILE": "/kv/tokens", "KV_AUDIT_FILE": "/dev/stdout",
        }  # fmt: skip
        services = self.config(more=both)["services"]
        for name, wanted in (("kv-api", both), ("scaler", both), ("kv-worker", traced)):
            self.assertLessEqual(wanted.items(), services[name]["environment"].items(), name)

    def test_access_without_tokens_is_local_and_tokens_replace_it(self):
        """And every replica that scaler starts has the same."""
        tokens = {"KV_AUTH": "", "KV_TOKENS_FILE": "/kv/tokens"}
        for chosen, auth, file in [({}, "local", ""), (tokens, "", "/kv/tokens")]:
            services = self.config(more=chosen)["services"]
            for name in ("kv-api", "scaler"):
                given = services[name]["environment"]
                self.assertEqual((given["KV_AUTH"], given["KV_TOKENS_FILE"]), (auth, file), name)
            (self.folder / "env").unlink()

    def test_only_the_loopback_address_is_published_by_default(self):
        published = {}
        for name, service in self.config()["services"].items():
            for port in service.get("ports", ()):
                published.setdefault(name, []).append(str(port))
        self.assertEqual(set(published), {"nginx", "prometheus", "grafana", "cockroach-1"})
        for port in sum(published.values(), []):
            self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_without_secrets_nothing_starts(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KV_", "COMPOSE_"))}
        empty = self.folder / "empty"
        empty.touch()
        with self.assertRaisesRegex(AssertionError, "run scripts/env first"):
            run("docker-compose", "--env-file", empty, "config", cwd=ROOT, env=clean)

    def test_mounted_files_exist(self):
        for name, service in self.config()["services"].items():
            for volume in service.get("volumes", ()):
                source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
                if source.startswith(str(ROOT)):
                    with self.subTest(name, source=source):
                        self.assertTrue(Path(source).exists())

    def test_scaler_sees_only_the_settings_of_replicas(self):
        for files in ((), OVERRIDE):
            with self.subTest(files=files):
                whole = self.config(*files)
                secrets = dict(
                    line.split("=", 1) for line in (self.folder / "env").read_text().splitlines()
                    if re.match(r"KV_\w+=.", line)
                )
                scaler = whole["services"]["scaler"]
                seen = self.folder / "seen"
                seen.mkdir()
                for volume in scaler["volumes"]:
                    source, target = volume.split(":")[:2]
                    if source == str(ROOT / "autoscaler" / "scaler"):
                        continue
                    if source.startswith(str(ROOT)):
                        # Only files of Compose, at their own paths.
                        self.assertEqual(source, target)
                        self.assertRegex(Path(source).name, r"^docker-compose\.[a-z.]*yml$")
                        shutil.copy(source, seen)
                given = {name: str(value) for name, value in scaler["environment"].items()}
                for name in ("KV_GRAFANA_PASSWORD", "KV_RABBITMQ_COOKIE"):
                    self.assertNotIn(secrets[name], given.values())
                text = run(
                    *["docker-compose", "config"],
                    cwd=seen,
                    env={"PATH": os.environ["PATH"], "PWD": str(seen)} | given,
                )
                part = yaml.safe_load(text.replace(str(seen), str(ROOT)))
                for name in ("kv-api", "kv-worker"):
                    self.assertEqual(part["services"][name], whole["services"][name])
                self.assertEqual(part["networks"], whole["networks"])
                shutil.rmtree(seen)
                (self.folder / "env").unlink()


class Configurations(InTemporaryFolder):
    """Configurations, read by their programs."""

    def test_nginx_accepts_its_configuration(self):
        self.check_nginx()

    def test_nginx_accepts_its_configuration_with_tls(self):
        make_certificate(self.folder / "tls")
        self.check_nginx("container-tls-server.conf")

    def check_nginx(self, *added):
        for file in (ROOT / "nginx").glob("*.conf"):
            text = file.read_text()
            # Debian's Nginx has no `resolve`, and there is no kv-api here.
            text = text.replace("server kv-api:8080 resolve", "server 127.0.0.1:8080")
            text = re.sub(r"listen 8\d+", f"listen 127.0.0.1:{free_port()}", text)
            text = re.sub("/(tmp|run/kv)/", f"{self.folder}/", text.replace("/kv/*", "/kv/added/*"))
            (self.folder / file.name).write_text(text)
        (self.folder / "added").mkdir()
        for name in added:
            shutil.copy(self.folder / name, self.folder / "added")
        output = run(nginx(), "-T", "-e", "stderr", "-c", self.folder / "container.conf")
        self.assertEqual("ssl_certificate " in output, bool(added))
        self.assertIn("test is successful", output)

    def test_the_main_files_of_nginx_share_their_rules(self):
        names = ("nginx.conf", "container.conf")
        frames = [(ROOT / "nginx" / name).read_text() for name in names]
        for shared in ("include http.conf;", "include server.conf;"):
            self.assertTrue(all(shared in frame for frame in frames), shared)

    def test_prometheus_accepts_its_configuration(self):
        for authorization in ("", 'authorization: { credentials: "token" }'):
            self.check_prometheus(authorization)

    def check_prometheus(self, authorization):
        text = self.render(
            "prometheus/prometheus.compose.yml",
            subnet="172.30.73",
            kv_api_authorization=authorization,
        )
        authority = self.folder / "ca.crt"
        authority.touch()
        text = text.replace("/run/database/ca.crt", str(authority))
        text = text.replace('"rules/', f'"{ROOT}/prometheus/rules/')
        (self.folder / "prometheus.yml").write_text(text)
        self.assertIn("SUCCESS", run("promtool", "check", "config", self.folder / "prometheus.yml"))

    def test_prometheus_has_the_jobs_of_the_cluster_without_containers(self):
        jobs = [
            set(re.findall(r"job_name: (\S+)", (ROOT / "prometheus" / name).read_text()))
            for name in ("prometheus.yml", "prometheus.compose.yml")
        ]
        self.assertEqual(jobs[0] - jobs[1], set())

    def test_a_missing_value_is_named(self):
        with self.assertRaisesRegex(AssertionError, "wants the variable kv_api_"):
            run(RENDER, ROOT / "prometheus" / "prometheus.compose.yml")


class StartScripts(InTemporaryFolder):
    """The scripts that start services in containers, each in namespaces with the addresses and
    folders of a container."""

    SETTINGS = {
        "KV_ADDRESS": "172.30.73.11",
        "KV_REDIS_ADDRESSES": "172.30.73.11 172.30.73.12",
        "KV_SENTINEL_ADDRESSES": "172.30.73.21",
        "KV_REDIS_PASSWORD": "0123",
        "KV_REDIS_SENTINEL_PASSWORD": "4567",
        "KV_RABBITMQ_NODES": "rabbitmq-1",
        "KV_RABBITMQ_COOKIE": "89ab",
        "KV_RABBITMQ_PASSWORD": "cdef",
        "HOSTNAME": "rabbitmq-1",
        "PATH": "/usr/lib/rabbitmq/bin:" + os.environ["PATH"] + ":/usr/sbin",
    }

    def inside(self, script, seconds=90):
        """Runs a script in new namespaces; all of its processes end with it."""
        setup = f"""
          ip link set lo up && ip address add 172.30.73.11/32 dev lo
          ip address add 172.30.73.12/32 dev lo && ip address add 172.30.73.21/32 dev lo
          hostname rabbitmq-1
          mkdir -p {self.folder}/kv/scripts
          cp -r {ROOT}/scripts/containers {self.folder}/kv/scripts
          cp -r {ROOT}/{{cockroach,rabbitmq,redis}} {self.folder}/kv
          mount --bind {self.folder} /tmp
          printf '127.0.0.1 localhost rabbitmq-1\\n' >/tmp/hosts
          mount --bind /tmp/hosts /etc/hosts
          files=/tmp/kv
          until_ready() {{
            for _ in $(seq {seconds * 5}); do
              "$@" 2>/dev/null && return
              kill -0 $! 2>/dev/null || return 1
              sleep 0.2
            done
            return 1
          }}
        """
        rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        return run(
            *["unshare", *rights, "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child"],
            *["bash", "-euc", setup + script],
            env=self.SETTINGS,
        )

    def test_redis_and_sentinel_start(self):
        output = self.inside(
            """
            mkdir /tmp/data && export KV_FOLDER=/tmp/data
            $files/redis/container-redis >/tmp/redis.log 2>&1 &
            until_ready $files/redis/container-ready redis || { cat /tmp/redis.log; exit 1; }
            KV_ADDRESS=172.30.73.21 $files/redis/container-sentinel >/tmp/sentinel.log 2>&1 &
            export REDISCLI_AUTH=$KV_REDIS_SENTINEL_PASSWORD
            until_ready redis-cli -h 172.30.73.21 -p 26379 ping >/dev/null ||
              { cat /tmp/sentinel.log; exit 1; }
            redis-cli -h 172.30.73.21 -p 26379 sentinel get-master-addr-by-name mymaster
            export REDISCLI_AUTH=$KV_REDIS_PASSWORD
            redis-cli config get replica-announce-ip
            KV_ADDRESS=172.30.73.12 $files/redis/container-master
            """
        )
        self.assertEqual(
            output.split(),
            ["172.30.73.11", "6379", "replica-announce-ip", "172.30.73.11", "172.30.73.11"],
        )

    def test_a_master_is_known_without_a_majority_of_sentinels(self):
        """A replica that runs names it, and so does one Sentinel; else it is the first."""
        output = self.inside(
            """
            $files/redis/container-master
            cd /tmp
            redis-server --bind 172.30.73.11 --requirepass $KV_REDIS_PASSWORD --save '' \
              --replicaof 172.30.73.12 6379 >/tmp/redis.log 2>&1 &
            export REDISCLI_AUTH=$KV_REDIS_PASSWORD
            until_ready redis-cli -h 172.30.73.11 ping >/dev/null || { cat /tmp/redis.log; exit 1; }
            $files/redis/container-master
            kill $! && wait $! || true
            printf '%s\n' "bind 172.30.73.21" "requirepass $KV_REDIS_SENTINEL_PASSWORD" \
              "sentinel monitor mymaster 172.30.73.12 6379 2" >/tmp/sentinel.conf
            redis-sentinel /tmp/sentinel.conf >/tmp/sentinel.log 2>&1 &
            export REDISCLI_AUTH=$KV_REDIS_SENTINEL_PASSWORD
            until_ready redis-cli -h 172.30.73.21 -p 26379 ping >/dev/null ||
              { cat /tmp/sentinel.log; exit 1; }
            $files/redis/container-master
            """
        )
        self.assertEqual(output.split(), ["172.30.73.11", "172.30.73.12", "172.30.73.12"])

    def test_rabbitmq_starts(self):
        output = self.inside(
            """
            mkdir /tmp/rabbitmq && mount --bind /tmp/rabbitmq /var/lib/rabbitmq
            mkdir /tmp/log && mount --bind /tmp/log /var/log/rabbitmq
            $files/rabbitmq/container-start >/tmp/rabbitmq.log 2>&1 &
            until_ready $files/rabbitmq/container-ready || { cat /tmp/rabbitmq.log; exit 1; }
            stat --format=%a /var/lib/rabbitmq/.erlang.cookie
            curl -fsS http://127.0.0.1:15692/metrics | grep -c ^rabbitmq_identity_info
            """
        )
        self.assertEqual(output.split(), ["400", "1"])

    @pytest.mark.only_on("cockroach")
    def test_cockroach_initialises_a_cluster_and_creates_the_database(self):
        """The user has the rights that the tables need, and clients and Prometheus verify the
        server."""
        with_image = f"""
          hostname cockroach-1
          image=/tmp/image && mkdir $image && mount -t tmpfs none $image
          mkdir $image/certs $image/database $image/cockroach $image/usr $image/etc $image/tmp
          for name in bin sbin lib lib64; do
            if [[ -L /$name ]]; then
              cp -P /$name $image
            elif [[ -d /$name ]]; then
              mkdir $image/$name && mount --bind /$name $image/$name
            fi
          done
          mkdir $image/proc $image/dev && mount -t proc proc $image/proc
          mount --bind /usr $image/usr && mount --rbind /dev $image/dev
          printf '127.0.0.1 localhost cockroach-1 cockroach-2 cockroach-3\n' >$image/etc/hosts
          cp -r $files $image/kv
          touch $image/cockroach/cockroach
          mount --bind {programs.cockroach()} $image/cockroach/cockroach
          export HOSTNAME=cockroach-1 KV_DATABASE_PASSWORD=0123
          nodes='cockroach-1 cockroach-2 cockroach-3'
        """
        output = self.inside(
            with_image
            + """
            for _ in 1 2; do chroot $image /kv/cockroach/certificates $nodes; done
            chroot $image /kv/cockroach/start cockroach-1 >/tmp/cockroach.log 2>&1 &
            until_ready chroot $image /kv/cockroach/init cockroach-1:26257 ||
              { cat /tmp/cockroach.log; exit 1; }
            chroot $image /kv/cockroach/init cockroach-1:26257 2>/dev/null
            address=cockroach-1:26257/kv?sslmode=verify-full
            chroot $image /cockroach/cockroach sql \
              --url "postgresql://kv:0123@$address&sslrootcert=/database/ca.crt" \
              --execute='CREATE TABLE queue (id INT8 PRIMARY KEY)' \
              --execute='ALTER TABLE queue CONFIGURE ZONE USING gc.ttlseconds = 600' \
              --execute='ALTER TABLE queue ADD COLUMN kind INT8' \
              --execute='CREATE INDEX ON queue (kind)'
            chroot $image /usr/bin/curl -fsS --cacert /database/ca.crt \
              https://cockroach-1:8080/_status/vars | grep ^liveness_livenodes
            """
        )
        self.assertEqual(
            output.splitlines(),
            2 * ["the certificates are there"]
            + 2 * ["the database kv is there"]
            + ["CREATE TABLE", "CONFIGURE ZONE 1", "ALTER TABLE", "CREATE INDEX"]
            + ["liveness_livenodes 1"],
        )
