"""The system as a new user starts it: a copy of the files, `scripts/env`, `docker-compose up`."""

import http.client
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from support import ROOT, free_port

TLS = ["-f", "docker-compose.yml", "-f", "docker-compose.tls.yml"]
POSTGRES = ["-f", "docker-compose.yml", "-f", "docker-compose.postgres.yml"]


def make_certificate(folder):
    """Creates certificate.pem and key.pem for this machine."""
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        capture_output=True,
        check=True,
    )
    return folder / "certificate.pem"


class Project:
    """One Compose project in its own folder."""

    def __init__(self, engine, name, files=(), settings=None):
        """
        files: Compose's -f options.
        settings: more lines of .env.
        """
        self.engine = engine
        self.name = name
        self._files = list(files)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.port = free_port()
        self.tls_port = free_port()
        self.prometheus_port = free_port()
        self._copy()
        self._write_settings(settings or {})

    def _copy(self):
        """Copies the files of a clone, with uncommitted changes."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for path in filter(None, listed.split("\0")):
            source, target = ROOT / path, self.folder / path
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        # Containers run as other users.
        self.folder.chmod(0o755)

    def _write_settings(self, settings):
        subprocess.run(["scripts/env"], cwd=self.folder, capture_output=True, check=True)
        path = self.folder / ".env"
        values = {
            "COMPOSE_PROJECT_NAME": self.name,
            "KV_PUBLISH": f"127.0.0.1:{self.port}",
            "KV_PUBLISH_TLS": f"127.0.0.1:{self.tls_port}",
            "KV_PROMETHEUS_PORT": self.prometheus_port,
            "KV_GRAFANA_PORT": free_port(),
            "KV_COCKROACH_PORT": free_port(),
            "KV_DOCKER_SOCKET": self.engine.socket,
            **settings,
        }
        text = path.read_text()
        for key, value in values.items():
            text, count = re.subn(f"(?m)^{key}=.*$", f"{key}={value}", text)
            text += "" if count else f"{key}={value}\n"
        path.write_text(text)

    # Commands of Compose.

    def compose(self, *words, files=None, seconds=900):
        environment = dict(self.engine.environment, PWD=str(self.folder))
        done = subprocess.run(
            ["docker-compose", *(files or self._files), *words],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join(done.stdout.splitlines()[-40:])
            raise AssertionError(f"docker-compose {' '.join(words)} failed:\n{tail}")
        return done.stdout

    def images(self):
        """The images that are not built here, with the base images of the build."""
        config = self.compose("config")
        found = set(re.findall(r"^ *image: (\S+)$", config, re.MULTILINE))
        dockerfile = (self.folder / "Dockerfile").read_text()
        bases = re.findall(r"^ARG \w+_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
        return sorted(image for image in found if not image.endswith(":local")) + bases

    def up(self, *words):
        self.compose("up", "--detach", *words, seconds=2400)
        self.wait_until_healthy()

    def down(self):
        """Stops the project; volumes are kept."""
        self.compose("down")

    def remove(self):
        """Removes everything; may be called twice."""
        if not self.folder.exists():
            return
        self.compose("down", "--volumes", "--remove-orphans")
        shutil.rmtree(self.folder, ignore_errors=True)

    # Containers.

    def containers(self):
        """The state of each container, by name."""
        ids = self.engine.docker(
            "ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}"
        ).split()
        if not ids:
            return {}
        # A container that has been removed meanwhile is missing in the answer.
        answer = json.loads(self.engine.docker("inspect", *ids, check=False))
        return {found["Name"].lstrip("/"): found for found in answer}

    def of_service(self, service):
        return {
            name: found for name, found in self.containers().items() if service_of(found) == service
        }

    def unhealthy(self):
        """Containers that are not healthy, with their state."""
        return {
            name: describe(found)
            for name, found in self.containers().items()
            if describe(found) not in ("healthy", "done")
        }

    def wait_until_healthy(self, seconds=300):
        end = time.monotonic() + seconds
        while unhealthy := self.unhealthy():
            if time.monotonic() > end:
                logs = [
                    f"{name}: {state}\n{self.log_tail(name)}" for name, state in unhealthy.items()
                ]
                raise AssertionError(f"not healthy after {seconds} s:\n" + "\n".join(logs))
            time.sleep(0.5)

    def log_tail(self, name, lines=15):
        done = subprocess.run(
            ["docker", "logs", "--tail", str(lines), name],
            env=self.engine.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    # Requests.

    def request(self, method, target, body=None, fields=None, port=None, seconds=15):
        """Status and body; (0, b"") without an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=seconds)
        try:
            connection.request(method, target, body, fields or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def query(self, expression):
        """The result of a query of Prometheus: a list of labels and values."""
        target = "/api/v1/query?query=" + expression.replace(" ", "%20").replace("+", "%2B")
        status, body = self.request("GET", target, port=self.prometheus_port)
        if status != 200:
            return []
        results = json.loads(body)["data"]["result"]
        return [(result["metric"], float(result["value"][1])) for result in results]


def service_of(found):
    return found["Config"]["Labels"]["com.docker.compose.service"]


def describe(found):
    """"healthy", "done" (a job that has succeeded), or the problem."""
    state = found["State"]
    if state["Status"] == "exited" and state["ExitCode"] == 0:
        policy = found["HostConfig"]["RestartPolicy"]["Name"]
        return "done" if policy in ("", "no") else "ended"
    if state["Status"] != "running":
        return f"{state['Status']} ({state['ExitCode']})"
    return state.get("Health", {}).get("Status", "running without a health check")
