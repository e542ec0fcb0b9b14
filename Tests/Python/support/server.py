"""A kv-api on a free port, with a data folder of its own."""

import os
import re
import signal
import subprocess
import tempfile
import threading

import support


class Server:
    """Starts when it is created; ends by `stop` or at the end of a `with` block."""

    def __init__(self, **settings):
        self._folder = tempfile.TemporaryDirectory(prefix="kv-api-")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("KV_") or name == "KV_IO"
        }
        fixed = {"KV_LISTEN": "127.0.0.1:0", "KV_DATA_DIR": self._folder.name}
        self.process = subprocess.Popen(
            [support.BINARIES / "kv-api"],
            env=inherited | fixed | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.log = []
        self.port = self._port()
        self.url = f"http://127.0.0.1:{self.port}"
        # A full pipe would block the server.
        self._reader = threading.Thread(target=self._read_on, daemon=True)
        self._reader.start()

    def _port(self):
        """The port that the system chose, from the log."""
        for line in self.process.stdout:
            self.log.append(line)
            if address := re.search(r"127\.0\.0\.1:(\d+)", line):
                return int(address[1])
        raise AssertionError("kv-api did not start:\n" + "".join(self.log))

    def _read_on(self):
        self.log.extend(self.process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it in an orderly way, also when it is paused. Returns its exit code."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            self.process.stdout.close()
            self._folder.cleanup()
