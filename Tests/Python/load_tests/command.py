"""Runs load-tests/run."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from support import ROOT

SCRIPT = ROOT / "load-tests/run"


def items(server, prefix, limit=1000):
    """The metadata of the keys with a prefix."""
    with urllib.request.urlopen(f"{server.url}/kv?prefix={prefix}&limit={limit}") as answer:
        return json.load(answer)["items"]


class Result:
    """The results of a run."""

    def __init__(self, code, output, errors, folder):
        self.code, self.output, self.errors = code, output, errors
        results = sorted(Path(folder).glob("*.json"))
        pages = sorted(Path(folder).glob("*.html"))
        self.figures = json.loads(results[-1].read_text()) if results else None
        self.page = pages[-1].read_text(encoding="utf-8") if pages else None

    def mode(self, name):
        return next(mode for mode in self.figures["modes"] if mode["mode"] == name)

    def __str__(self):
        return f"exit code {self.code}\n{self.output}\n{self.errors}"


def load(*words, on_line=None, **environment):
    """Runs the script; `on_line` is called with each line of its progress."""
    with tempfile.TemporaryDirectory(prefix="kv-load-results-") as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("KV_")}
        process = subprocess.Popen(
            [SCRIPT, *map(str, words), "--output", folder],
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            errors = []
            for line in process.stderr:
                errors.append(line)
                if on_line:
                    on_line(line)
            output = process.stdout.read()
        return Result(process.returncode, output, "".join(errors), folder)


@contextlib.contextmanager
def nginx(port, rules):
    """Runs Nginx on a port with rules in its server. The limit `slow` allows 20 requests/s."""
    with tempfile.TemporaryDirectory(prefix="kv-load-nginx-") as folder:
        temporary = "\n".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(
            f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr crit;\n"
            "events { worker_connections 256; }\n"
            f"http {{ access_log off; client_max_body_size 8m; {temporary}\n"
            "limit_req_zone $binary_remote_addr zone=slow:1m rate=20r/s; limit_req_status 429;\n"
            f"server {{ listen 127.0.0.1:{port}; {rules} }} }}\n"
        )
        program = "/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "nginx"
        process = subprocess.Popen([program, "-c", str(configuration), "-p", folder])
        try:
            wait_for_port(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def wait_for_port(port, process):
    """Waits until a process listens on a port."""
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise AssertionError(f"nothing listens on port {port}: exit code {process.returncode}")
