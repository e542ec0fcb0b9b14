"""The same API in FastAPI (`Benchmarks/peers/fastapi`), on the same services."""

import contextlib
import http.client
import os
import shutil
import subprocess

from .process import Process, accepts, free_port

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "peers", "fastapi")
QUEUE = "peer.writes"
TABLE = "peer_entries"


def installed(folder):
    """The programs of a virtual environment with the pinned packages, which is kept."""
    requirements = os.path.join(FOLDER, "requirements.txt")
    stamp = os.path.join(folder, "requirements.txt")
    programs = os.path.join(folder, "bin")
    if not _same(requirements, stamp):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["python3", "-m", "venv", folder], check=True)
        pip = [os.path.join(programs, "pip"), "install", "-q", "-r", requirements]
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(requirements, stamp)
    return programs


def _same(one, other):
    try:
        with open(one) as first, open(other) as second:
            return first.read() == second.read()
    except FileNotFoundError:
        return False


class Peer(Process):
    """uvicorn with one worker process for each core, uvloop and httptools, without an access
    log."""

    def __init__(self, cluster, programs, folder):
        self.port = free_port()
        self.environment = {
            "PEER_DATABASE_URL": cluster.database.geturl(),
            "PEER_REDIS_URL": f"redis://:{cluster.redis_password}@127.0.0.1:{cluster.redis_port}/0",
            "PEER_AMQP_URL": cluster.amqp_urls[0],
        }
        self.programs = programs
        python = os.path.join(programs, "python")
        subprocess.run(
            [python, "-m", "peer.worker", "prepare"],
            cwd=FOLDER,
            env={**os.environ, **self.environment},
            check=True,
        )
        with open(os.path.join(folder, "fastapi.log"), "wb") as log:
            super().__init__(
                "FastAPI",
                [os.path.join(programs, "uvicorn"), "peer.app:app", "--host", "127.0.0.1"]
                + ["--port", str(self.port), "--workers", str(os.cpu_count())]
                + ["--loop", "uvloop", "--http", "httptools"]
                + ["--no-access-log", "--log-level", "warning"],
                self.environment,
                log,
                FOLDER,
            )
        self.wait_until(lambda: accepts(self.port) and self.is_ready())
        self.url = f"http://127.0.0.1:{self.port}/"

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200

    def store(self, prefix, count, value):
        """Stores `count` keys, which also caches them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            for number in range(1, count + 1):
                headers = {"Content-Type": "text/plain"}
                connection.request("PUT", f"/kv/{prefix}{number}", value, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status not in (200, 201):
                    raise RuntimeError(f"FastAPI did not store a value: {answer.status}")


class PeerWorker(Process):
    """A consumer of the peer's queue."""

    def __init__(self, peer, folder):
        python = os.path.join(peer.programs, "python")
        with open(os.path.join(folder, "fastapi-worker.log"), "wb") as log:
            super().__init__(
                "FastAPI's worker", [python, "-m", "peer.worker"], peer.environment, log, FOLDER
            )
