"""What the tests of load-tests/run share: a kv-api, and ways to run the script."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "load-tests/run"
sys.path.insert(0, str(ROOT / "load-tests"))

# Where kv-api is; set by run.py.
BINARIES = None


class Server:
    """A kv-api on a free port, with a folder of its own."""

    def __init__(self, **settings):
        self.folder = tempfile.TemporaryDirectory(prefix="kv-load-tests-")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("KV_")}
        fixed = {"KV_LISTEN": "127.0.0.1:0", "KV_DATA_DIR": self.folder.name}
        self.process = subprocess.Popen(
            [Path(BINARIES) / "kv-api"],
            env={**inherited, **fixed, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.port = self._port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Nobody may let its log fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def _port(self):
        """The log says which one the system picked."""
        log = []
        for line in self.process.stdout:
            log.append(line)
            if address := re.search(r"127\.0\.0\.1:(\d+)", line):
                return int(address[1])
        raise AssertionError("kv-api did not start:\n" + "".join(log))

    def items(self, prefix, limit=1000):
        """The metadata of the keys that start so."""
        with urllib.request.urlopen(f"{self.url}/kv?prefix={prefix}&limit={limit}") as answer:
            return json.load(answer)["items"]

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.folder.cleanup()


class Result:
    """What a run of the script left."""

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
    """Runs the script; `on_line` is given each line of its progress as it comes."""
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
    """A real Nginx on that port with these rules in its server. There is a limit of 20
    requests/s, named `slow`."""
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
    """Until somebody listens there; the process tells nobody."""
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise AssertionError(f"nothing listens on port {port}: exit code {process.returncode}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
