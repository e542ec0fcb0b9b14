"""Nginx, the entry for clients."""

import os
import pwd
import signal
import subprocess
import time

from . import probes, processes, programs
from .errors import ClusterError
from .service import Service

# The files that the container also uses.
SHARED = [
    *["http.conf", "limits.conf", "server.conf", "route.conf", "proxy.conf", "security.conf"],
    *["errors.conf", "problem.conf", "problems.conf", "tls.conf"],
]

# How long, before a reload, answers say that they close the connection: a client that sends
# requests at least this often loses no connection without notice.
CLOSING_SECONDS = 1.0


class Nginx(Service):
    """Distributes requests over every kv-api that has been started and not been stopped.

    One that was killed stays in the list: Nginx has to notice a crash by itself, as in production.
    """

    kind = "nginx"
    # It finishes the requests in progress.
    stop_signal = signal.SIGQUIT
    stop_seconds = 15

    @property
    def ports(self):
        http = {"HTTP": self.cluster.ports.nginx}
        return http | {"HTTPS": self.cluster.ports.nginx_tls} if self.cluster.tls else http

    @property
    def url(self):
        return f"http://127.0.0.1:{self.cluster.ports.nginx}"

    @property
    def _folder(self):
        return self.folder.make("nginx")

    @property
    def certificate(self):
        """The certificate for TLS. It may be replaced by another one, with its key beside it."""
        return self._folder / "tls" / "certificate.pem"

    def prepare(self):
        (self._folder / "closing").unlink(missing_ok=True)
        if self.cluster.tls:
            self._make_certificate()
        self._write()

    def _write(self):
        """Writes its configuration. Returns whether anything has changed."""
        changed = False
        access_log = self.folder.make("logs") / "nginx-access.log"
        files = self.files(self._folder, self.ports["HTTP"], access_log, self._servers())
        for name, text in files.items():
            path = self._folder / name
            if not path.exists() or path.read_text() != text:
                self.folder.write(path, text)
                changed = True
        return changed

    def files(self, folder, port, access_log, ports_behind):
        """The files of its configuration, for an instance in that folder which passes requests on
        to those ports. Benchmarks start one in front of another server."""
        places = [f"127.0.0.1:{self.cluster.ports.announced(one)}" for one in ports_behind]
        servers = "\n  ".join(f"server {one} max_fails=1 fail_timeout=2s;" for one in places)

        def filled(name, **values):
            return self.folder.fill(f"nginx/{name}", **values)

        files = {name: filled(name) for name in SHARED}
        files["limits.conf"] = self._limits(filled)
        files["closing.conf"] = filled("closing.conf", folder=folder)
        files["upstream.conf"] = filled("upstream.conf", servers=servers)
        tls_server = ""
        if self.cluster.tls:
            tls_server = "include tls-server.conf;"
            files["tls-server.conf"] = filled("tls-server.conf", port=self.ports["HTTPS"])
        files["nginx.conf"] = filled(
            "nginx.conf",
            # Started as root, its workers would run as another user, who can't use its folders.
            user=f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else "",
            folder=folder,
            access_log=access_log,
            port=port,
            tls_server=tls_server,
        )
        return files

    def _limits(self, filled):
        rate = self.cluster.rate
        if rate is None:
            return filled("limits.conf")
        return filled("limits-chosen.conf", rate=rate) if rate else "# No limit.\n"

    def _make_certificate(self):
        """Creates a self-signed certificate for this machine's names, unless there is one."""
        if self.certificate.exists():
            return
        self.folder.make("nginx", "tls")
        subprocess.run(
            [programs.find("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "3650"]
            + ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", self._folder / "tls" / "key.pem", "-out", self.certificate],
            check=True,
            capture_output=True,
        )

    def _program(self):
        return [programs.find("nginx"), "-p", self._folder, "-e", "stderr"] + [
            "-c",
            self._folder / "nginx.conf",
        ]

    def command(self):
        return [*self._program(), "-g", "daemon off;"]

    def is_ready(self):
        """Asks for a path that Nginx answers itself, so that kv-api does not matter."""
        return probes.http_get(self.ports["HTTP"], "/metrics")[0] == 404

    def detail(self):
        return "passes on to " + ", ".join(api.name for api in self.cluster.members("kv-api"))

    def _servers(self):
        """The ports that requests are passed on to."""
        ports = [api.port for api in self.cluster.members("kv-api")]
        # Nginx requires one; without any kv-api it answers 503.
        return ports or [self.cluster.ports.api(1)]

    def update(self):
        """Applies the current list of kv-api and other settings. Returns once no new request goes
        to one that has left the list. No request fails: see @closing in server.conf.
        """
        if self.cluster.tls:
            self._make_certificate()
        if not self._write() or not self.is_alive:
            return
        check = subprocess.run(
            [*self._program(), "-t", "-q"], capture_output=True, text=True, check=False
        )
        if check.returncode != 0:
            raise ClusterError(f"Nginx refuses its configuration:\n{check.stderr}")
        closing = self._folder / "closing"
        closing.touch()
        try:
            time.sleep(CLOSING_SECONDS)
            self._reload()
        finally:
            closing.unlink(missing_ok=True)

    def _reload(self):
        old = self.identity.members()
        processes.send([self.pid], signal.SIGHUP)
        end = time.monotonic() + 10
        # New workers run, and the old ones only finish their requests.
        while not (self.identity.members() - old) or self._serving(old):
            if time.monotonic() > end:
                raise ClusterError(
                    "Nginx has not taken its new configuration within 10 s; the end of its log:\n"
                    + self.log_tail()
                )
            time.sleep(0.02)

    def _serving(self, workers):
        titles = [processes.command_line(pid) for pid in workers - {self.pid}]
        return [title for title in titles if title and "shutting down" not in title]
