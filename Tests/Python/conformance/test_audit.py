"""The audit log of a whole process: every write, rotation, a disk that fails, the end."""

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import support
from conformance.calls import PATCH_TYPE, Case, call
from support.server import Server


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Audit(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="kv-audit-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "log" / "audit.log"
        self.file.parent.mkdir()
        tokens = self.folder / "tokens"
        tokens.write_text(f"shop {digest('swordfish')} read,write,admin *\n")
        tokens.chmod(0o600)
        self.server = Server(KV_AUDIT_FILE=str(self.file), KV_TOKENS_FILE=str(tokens))
        self.addCleanup(self.server.stop)

    def send(self, method, target, body=None, **headers):
        fields = {name.replace("_", "-"): text for name, text in headers.items()}
        return call(
            method, target, body, {"Authorization": "Bearer swordfish"} | fields,
            port=self.server.port)

    def lines(self, count, file=None):
        """Waits for so many whole lines: they are written beside the answers."""
        file = file or self.file
        self.wait_for(lambda: file.exists() and file.read_text().count("\n") >= count)
        found = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(len(found), count, found)
        return found

    def wait_for(self, condition):
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end, "it has not come to pass")

    def metric(self, series):
        text = self.send("GET", "/metrics").body.decode()
        return float(re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)[1])

    def test_every_write(self):
        """One line for each write by any route, with the hash of its key, and no secret."""
        document = {"data": {"key": "hidden/form", "value": "hidden"}}
        batch = {"operations": [{"op": "put", "key": "hidden/b", "value": "hidden"}]}
        expected = []
        for method, target, body, headers, route, name, key in (
            ("PUT", "/kv/hidden%2Fa", "hidden", {}, "/kv/{key}", "key_sha256", "hidden/a"),
            ("PATCH", "/kv/hidden/n", {"add": 1}, {"Content_Type": PATCH_TYPE}, "/kv/{key}",
             "key_sha256", "hidden/n"),
            ("DELETE", "/kv/hidden/a", None, {}, "/kv/{key}", "key_sha256", "hidden/a"),
            ("PUT", "/kv", document, {}, "/kv", "key_sha256", "hidden/form"),
            ("DELETE", "/kv?key=hidden%2Fform", None, {}, "/kv", "key_sha256", "hidden/form"),
            ("DELETE", "/kv?prefix=hidden/", None, {}, "/kv", "prefix_sha256", "hidden/"),
            ("POST", "/batch", batch, {}, "/batch", "key_sha256", ["hidden/b"]),
        ):
            answer = self.send(method, target, body, X_Request_Id=f"r{len(expected)}", **headers)
            hashes = [digest(k) for k in key] if isinstance(key, list) else digest(key)
            line = {
                "token": "shop", "request_id": f"r{len(expected)}", "route": route,
                "method": method, "status": answer.status, name: hashes,
            }  # fmt: skip
            expected.append(line | ({"operations": 1} if route == "/batch" else {}))
        self.send("GET", "/kv/hidden/b")
        call("PUT", "/kv/hidden/b", "x", port=self.server.port)
        lines = self.lines(len(expected))
        times = [line.pop("time") for line in lines]
        self.assertEqual(lines, expected)
        for text in times:
            self.assertRegex(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(times, sorted(times))
        for secret in ("hidden", "swordfish"):
            self.assertNotIn(secret, self.file.read_text())
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(self.metric("kv_audit_lines_total"), len(expected))

    def test_rotation(self):
        """After SIGHUP, lines are in a new file; none is lost while clients write."""
        moved = self.file.with_suffix(".1")
        for number in range(50):
            if number == 25:
                self.file.rename(moved)
                self.server.process.send_signal(signal.SIGHUP)
                self.wait_for(self.file.exists)
            self.assert_status(self.send("PUT", f"/kv/r{number}", "x"), 201)
        self.lines(25, moved)
        self.lines(25)

    def test_end(self):
        """A process that is asked to stop writes the last lines first."""
        for number in range(20):
            self.send("PUT", f"/kv/e{number}", "x")
        self.assertEqual(self.server.stop(), 0)
        self.lines(20)

    def test_folder_is_removed(self):
        """Requests are served while lines can't be written, and the file says what it lacks."""
        self.send("PUT", "/kv/a", "x")
        self.lines(1)
        self.file.unlink()
        self.file.parent.rmdir()
        for _ in range(3):
            self.assert_status(self.send("PUT", "/kv/a", "x"), 200)
        lost = 'kv_audit_lines_lost_total{reason="failed"}'
        self.wait_for(lambda: self.metric(lost) == 3)
        self.wait_for(lambda: any("audit log are lost" in line for line in self.server.log))
        self.file.parent.mkdir()
        self.assert_status(self.send("PUT", "/kv/a", "x"), 200)
        first, second = self.lines(2)
        self.assertEqual((first["lines_lost"], second["status"]), (3, 200))

    def test_full_disk(self):
        with Server(KV_AUDIT_FILE="/dev/full") as server:
            for number in range(5):
                answer = call("PUT", f"/kv/{number}", "x", port=server.port)
                self.assert_status(answer, 201)

    def test_unwritable(self):
        """A path that can't be written is named at the start, and by --check; nothing is made."""
        for path, reason in (
            (self.folder / "none" / "audit", "No such file or directory"),
            (self.folder, "Is a directory"),
        ):
            for words in ([], ["--check"]):
                done = subprocess.run(
                    [support.BINARIES / "kv-api", *words], capture_output=True, text=True,
                    env={"PATH": os.environ["PATH"], "KV_AUDIT_FILE": str(path)}, timeout=60,
                )  # fmt: skip
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn(f'KV_AUDIT_FILE="{path}"', done.stderr)
                self.assertIn(reason, done.stderr)
        subprocess.run(
            [support.BINARIES / "kv-api", "--check"], check=True, capture_output=True, timeout=60,
            env={"PATH": os.environ["PATH"], "KV_AUDIT_FILE": str(self.folder / "new")},
        )  # fmt: skip
        self.assertFalse((self.folder / "new").exists())
