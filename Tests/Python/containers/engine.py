"""A Docker engine for tests: the one of this machine, or a private one.

Where an engine runs already, it is used with real images. Where none does, one is started with all
that belongs to it in a temporary folder, and with images built from Debian's packages
(Tests/Python/containers/stand-ins), because a machine without an engine usually has no registry
either.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAND_INS = Path(__file__).with_name("stand-ins") / "build"


class NoEngine(Exception):
    """Docker is not available; the text says why."""


def find():
    """The engine of this machine, or a private one. Raises NoEngine."""
    for program in ("docker", "docker-compose"):
        if not shutil.which(program):
            raise NoEngine(f"{program} is missing: run scripts/packages compose")
    if _answers(os.environ):
        return Engine()
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root may start one")
    if not shutil.which("dockerd"):
        raise NoEngine("dockerd is missing: run scripts/packages compose")
    return PrivateEngine()


def _answers(environment):
    done = subprocess.run(
        ["docker", "info"], env=environment, capture_output=True, timeout=30, check=False
    )
    return done.returncode == 0


class Engine:
    """The engine of this machine."""

    environment = dict(os.environ)
    socket = environment.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def provide(self, images):
        """Does nothing: Compose pulls the images."""

    def docker(self, *words, check=True, seconds=120):
        """Runs docker; returns its output."""
        done = subprocess.run(
            ["docker", *map(str, words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout.strip()


class PrivateEngine(Engine):
    """A dockerd with data, socket and log in its own folder."""

    def __enter__(self):
        # KV_DOCKER_ROOT keeps the images for the next run; by default nothing is kept.
        kept = os.environ.get("KV_DOCKER_ROOT")
        self._folder = Path(kept or tempfile.mkdtemp(prefix="kv-docker-"))
        self._is_kept = bool(kept)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.socket = str(self._folder / "docker.sock")
        self.environment = dict(os.environ, DOCKER_HOST=f"unix://{self.socket}")
        self._rules = _iptables_rules()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        log = self._folder / "dockerd.log"
        with open(log, "w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                ["dockerd", "--data-root", self._folder / "data", "--exec-root"]
                + [self._folder / "exec", "--pidfile", self._folder / "dockerd.pid"]
                + ["--host", f"unix://{self.socket}", "--log-level", "warn"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + 60
        while not _answers(self.environment):
            if self._process.poll() is not None or time.monotonic() > end:
                tail = "\n".join(log.read_text().splitlines()[-10:])
                raise NoEngine(f"dockerd does not start here:\n{tail}")
            time.sleep(0.2)

    def __exit__(self, *_):
        process = getattr(self, "_process", None)
        if process is not None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # dockerd leaves these in the kernel.
        subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)
        for tool, rules in self._rules.items():
            subprocess.run([f"{tool}-restore"], input=rules, text=True, check=False)
        if not self._is_kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    def provide(self, images):
        """Builds stand-ins for missing images."""
        done = subprocess.run(
            [STAND_INS, *images], env=self.environment, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            raise AssertionError("the stand-ins can't be built; see above")


def _iptables_rules():
    found = {}
    for tool in ("iptables", "ip6tables"):
        if shutil.which(f"{tool}-save"):
            done = subprocess.run([f"{tool}-save"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                # Restoring an empty output changes nothing, so name the tables of dockerd.
                found[tool] = done.stdout or "*nat\nCOMMIT\n*filter\nCOMMIT\n"
    return found


if __name__ == "__main__":
    try:
        find()
    except NoEngine as error:
        sys.exit(f"Docker is not available: {error}")
