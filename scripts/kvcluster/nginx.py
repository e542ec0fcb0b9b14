"""Nginx, the one public door."""

import os
import pwd
import signal
import subprocess
import time

from . import probes, processes, programs
from .errors import ClusterError
from .service import Service

SHARED = ["http.conf", "server.conf", "proxy.conf", "errors.conf", "problem.conf", "problems.conf"]


class Nginx(Service):
    """Spreads requests over every kv-api that has been started and not been stopped.

    One that was killed stays in the list: nobody announces a crash, and Nginx has to notice by
    itself, as it would elsewhere.
    """

    kind = "nginx"
    # Requests in progress are finished.
    stop_signal = signal.SIGQUIT
    stop_seconds = 15

    @property
    def ports(self):
        return {"HTTP": self.cluster.ports.nginx}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.cluster.ports.nginx}"

    @property
    def _folder(self):
        return self.folder.make("nginx")

    def prepare(self):
        for name in SHARED:
            self.folder.render(f"nginx/{name}", self._folder / name)
        # As root it would serve as another user, who could not use its folders.
        user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
        self.folder.render(
            "nginx/nginx.conf",
            self._folder / "nginx.conf",
            user=user,
            folder=self._folder,
            access_log=self.folder.make("logs") / "nginx-access.log",
            port=self.ports["HTTP"],
        )
        self._write_servers(self._servers())

    def _program(self):
        return [programs.find("nginx"), "-p", self._folder, "-e", "stderr"] + [
            "-c",
            self._folder / "nginx.conf",
        ]

    def command(self):
        return [*self._program(), "-g", "daemon off;"]

    def is_ready(self):
        """It answers this one itself; whether a kv-api is behind it is another question."""
        return probes.http_get(self.ports["HTTP"], "/metrics")[0] == 404

    def detail(self):
        return "passes on to " + ", ".join(api.name for api in self.cluster.members("kv-api"))

    def _servers(self):
        ports = [api.port for api in self.cluster.members("kv-api")]
        # There has to be one; without any it answers that nobody is there.
        ports = ports or [self.cluster.ports.api(1)]
        lines = [f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in ports]
        return "\n  ".join(lines)

    def _write_servers(self, servers):
        self.folder.render("nginx/upstream.conf", self._folder / "upstream.conf", servers=servers)

    def update(self):
        """Takes note of every kv-api that has come or left. Returns once no new request goes to
        one that has left."""
        file = self._folder / "upstream.conf"
        before = file.read_text() if file.exists() else None
        self._write_servers(self._servers())
        if not self.is_alive or file.read_text() == before:
            return
        check = subprocess.run(
            [*self._program(), "-t", "-q"], capture_output=True, text=True, check=False
        )
        if check.returncode != 0:
            raise ClusterError(f"Nginx refuses its configuration:\n{check.stderr}")
        old = self.identity.members()
        processes.send([self.pid], signal.SIGHUP)
        end = time.monotonic() + 10
        # The new workers are there, and the old ones serve only what they had begun.
        while not (self.identity.members() - old) or self._serving(old):
            if time.monotonic() > end:
                raise ClusterError("Nginx has not taken its new configuration within 10 s")
            time.sleep(0.02)

    def _serving(self, workers):
        titles = [processes.command_line(pid) for pid in workers - {self.pid}]
        return [title for title in titles if title and "shutting down" not in title]
