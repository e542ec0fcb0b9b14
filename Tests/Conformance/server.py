"""The kv-api that is spoken to: on a free port, with a temporary data folder."""

import os
import re
import signal
import subprocess
import tempfile
import threading


class Server:
    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory(prefix="kv-conformance-")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("KV_") or name == "KV_IO"
        }
        environment.update(KV_LISTEN="127.0.0.1:0", KV_DATA_DIR=self.folder.name)
        self.process = subprocess.Popen(
            [binary],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.log = []
        self.port = self._port()
        threading.Thread(target=self._read_on, daemon=True).start()

    def _port(self):
        """The log says which port the system picked."""
        for line in self.process.stdout:
            self.log.append(line)
            if address := re.search(r"127\.0\.0\.1:(\d+)", line):
                return int(address.group(1))
        raise SystemExit("kv-api did not start:\n" + "".join(self.log))

    def _read_on(self):
        self.log.extend(self.process.stdout)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        """Asks it to leave; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.folder.cleanup()
