"""What SETUP.md tells operators to type is typed here, on the real services."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import document
import running
from databases import once, only_on
from client import Client, Unreachable


class Setup(running.Case):
    def setUp(self):
        super().setUp()
        self.desk = self.new_desk()

    def new_desk(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kv-setup-"))
        return document.Desk(folder, self.cluster)

    @once
    def test_every_marked_block_is_run(self):
        """Each block of SETUP.md that says it is tested is run by a test of this file."""
        text = Path(__file__).read_text()
        for name in document.names():
            self.assertIn(f'.run("{name}")', text)

    @once
    def test_settings(self):
        """Settings and tokens are checked without a start."""
        self.assertIn("The settings are fine.", self.desk.run("check"))
        for _ in range(2):
            self.assertIn("The settings are fine.", self.desk.run("token"))
        tokens = self.desk.folder / "tokens"
        self.assertEqual(len(tokens.read_text().splitlines()), 2)
        self.assertEqual(tokens.stat().st_mode & 0o077, 0)

    def test_upgrade(self):
        """An upgrade replaces every process of ours and leaves the rest alone."""
        key = self.key("k")
        self.client.put(key, "before")
        before = self.cluster.processes()
        self.desk.run("upgrade")
        # Its connections were to processes that have gone.
        self.client.close()
        after = self.cluster.processes()
        changed = {name for name in before if before[name] != after[name]}
        self.assertEqual(changed, {"kv-api-1", "kv-api-2", "kv-worker-1", "kv-worker-2"})
        self.assertEqual(self.client.get(key).body, b"before")

    @contextlib.contextmanager
    def store(self):
        """A kv-api by itself, on the data folder at the desk. Gives its client."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [self.desk.binaries / "kv-api"],
            cwd=self.desk.folder,
            env={"KV_LISTEN": f"127.0.0.1:{port}", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = Client([port])
        try:
            running.wait_until(lambda: self.is_ready(client), 20, "readiness")
            yield client
        finally:
            client.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(30), 0)

    @staticmethod
    def is_ready(client):
        try:
            return client.request("GET", "/health/ready").status == 200
        except Unreachable:
            return False

    @once
    def test_embedded_backup(self):
        """A store by itself is backed up under writes, lost, and restored."""
        values = {f"key-{number}": os.urandom(2_000) for number in range(500)}
        stopping, written = threading.Event(), []

        def writer(port):
            client = Client([port])
            while not stopping.is_set():
                key = f"meanwhile-{len(written)}"
                if client.put(key, key).status != 201:
                    return
                written.append(key)
            client.close()

        with self.store() as client:
            for key, value in values.items():
                self.assertEqual(client.put(key, value).status, 201)
            thread = threading.Thread(target=writer, args=client.ports)
            thread.start()
            running.wait_until(lambda: len(written) > 50, 30, "writes")
            known = list(written)
            try:
                self.assertEqual(self.desk.run("embedded-backup"), "ok\n")
                count = len(written)
                running.wait_until(lambda: len(written) > count, 30, "writes after the backup")
            finally:
                stopping.set()
                thread.join()
            self.assertEqual(client.delete("key-0").status, 204)
            self.assertEqual(client.put("key-1", "changed").status, 200)
        self.assertEqual((self.desk.folder / "backups" / "store.sqlite").stat().st_mode & 0o077, 0)
        # The disk has returned nonsense, and a log of the old database is still there.
        (self.desk.folder / "data" / "store.sqlite").write_bytes(b"\xa5" * 65_536)
        (self.desk.folder / "data" / "store.sqlite-wal").write_bytes(b"\xa5" * 65_536)
        self.desk.run("embedded-restore")
        with self.store() as client:
            for key, value in values.items():
                self.assertEqual(client.get(key).body, value, key)
            # What was acknowledged before the backup began is in it.
            for key in known:
                self.assertEqual(client.get(key).body, key.encode())
            self.assertEqual(client.put("key-0", "again").status, 200)
        # A second backup takes the place of the first.
        with self.store():
            self.assertEqual(self.desk.run("embedded-backup"), "ok\n")

    @only_on("postgres")
    def test_postgres_backup(self):
        """The cluster's database is backed up under writes, and the store taken back to it."""
        kept, changed, late = (self.key(name) for name in ("kept", "changed", "late"))
        self.client.put(kept, bytes(range(256)))
        tag = self.client.put(changed, "then").headers["ETag"]
        self.assertIn("entries", self.desk.run("postgres-backup"))
        dump = self.desk.folder / "backups" / "kv.dump"
        self.assertEqual(dump.stat().st_mode & 0o077, 0)
        self.client.delete(kept)
        self.client.put(changed, "later")
        self.client.put(late, "lost")
        for port in self.cluster.nodes:
            # All of it is in the cache now.
            self.assertEqual(self.client.get(changed, port=port).body, b"later")
            self.assertEqual(self.client.get(late, port=port).body, b"lost")
        self.desk.run("postgres-restore")
        self.cluster.wait_until_healthy()
        # Its connections were to processes that have gone.
        self.client.close()
        client = self.client
        for port in self.cluster.nodes:
            for headers in ({}, {"Cache_Control": "no-cache"}):
                self.assertEqual(client.get(kept, port=port, **headers).body, bytes(range(256)))
                answer = client.get(changed, port=port, **headers)
                self.assertEqual((answer.body, answer.headers["ETag"]), (b"then", tag))
                self.assertEqual(client.get(late, port=port, **headers).status, 404)
        # And it is a store like any other.
        self.assertEqual(client.put(changed, "now", If_Match=tag).status, 200)
        answer = client.put(late, "again", Prefer="respond-async")
        self.assertEqual(self.wait_for(answer.operation)["status"], "applied")
