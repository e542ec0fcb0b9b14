"""Runs the commands of SETUP.md on the real services."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path

import pytest

from kvcluster import probes
from support import free_port, wait_until
from support.client import Client, Unreachable
from system import document
from system import running


class Setup(running.Case):
    def setUp(self):
        super().setUp()
        self.database = self.cluster.database
        self.desk = self.new_desk()

    def new_desk(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kv-setup-"))
        return document.Desk(folder, self.cluster)

    @pytest.mark.once
    def test_every_marked_block_is_run(self):
        """Each block of SETUP.md that is marked as tested is run by a test of this file, by its
        name or by the name of the database; blocks for databases exist for each database."""
        text = Path(__file__).read_text()
        run = set(re.findall(r'\.(?:run|restore)\(f?"([^"]+)"\)', text))
        for database in BACKUPS:
            run |= {name.replace("{self.database}", database) for name in run}
        named = document.names()
        self.assertEqual(len(named), len(set(named)))
        self.assertEqual({name for name in run if "{" not in name}, set(named))

    @pytest.mark.once
    def test_settings(self):
        """Settings and tokens are checked without a start."""
        self.assertIn("The settings are fine.", self.desk.run("check"))
        for _ in range(2):
            self.assertIn("The settings are fine.", self.desk.run("token"))
        self.assertIn("The settings are fine.", self.desk.run("cors"))
        tokens = self.desk.folder / "tokens"
        self.assertEqual(len(tokens.read_text().splitlines()), 2)
        self.assertEqual(tokens.stat().st_mode & 0o077, 0)

    def test_upgrade(self):
        """An upgrade replaces kv-api and kv-worker, and no other process."""
        key = self.key("k")
        self.client.put(key, "before")
        before = self.cluster.processes()
        self.desk.run("upgrade")
        # Its connections were to processes that have ended.
        self.client.close()
        after = self.cluster.processes()
        changed = {name for name in before if before[name] != after[name]}
        self.assertEqual(changed, {"kv-api-1", "kv-api-2", "kv-worker-1", "kv-worker-2"})
        self.assertEqual(self.client.get(key).body, b"before")

    @contextlib.contextmanager
    def store(self):
        """Runs a single kv-api on the data folder of the desk. Gives its client."""
        port = free_port()
        process = subprocess.Popen(
            [self.desk.binaries / "kv-api"],
            cwd=self.desk.folder,
            env={"KV_LISTEN": f"127.0.0.1:{port}", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = Client([port])
        try:
            wait_until(lambda: self.is_ready(client), 20, "readiness")
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

    @pytest.mark.once
    def test_embedded_backup(self):
        """A single node is backed up under writes, loses its data, and is restored."""
        values = {f"key-{number}": os.urandom(2_000) for number in range(500)}
        with self.store() as client:
            for key, value in values.items():
                self.assertEqual(client.put(key, value).status, 201)
            with writing(client.ports[0], "meanwhile") as written:
                wait_until(lambda: len(written) > 50, 30, "writes")
                known = list(written)
                self.assertEqual(self.desk.run("embedded-backup"), "ok\n")
                count = len(written)
                wait_until(lambda: len(written) > count, 30, "writes after the backup")
            self.assertEqual(client.delete("key-0").status, 204)
            self.assertEqual(client.put("key-1", "changed").status, 200)
        self.assertEqual((self.desk.folder / "backups" / "store.sqlite").stat().st_mode & 0o077, 0)
        # The database is corrupt, and a log of the old one is still there.
        (self.desk.folder / "data" / "store.sqlite").write_bytes(b"\xa5" * 65_536)
        (self.desk.folder / "data" / "store.sqlite-wal").write_bytes(b"\xa5" * 65_536)
        self.desk.run("embedded-restore")
        with self.store() as client:
            for key, value in values.items():
                self.assertEqual(client.get(key).body, value, key)
            # The backup contains every write that was acknowledged before it began.
            for key in known:
                self.assertEqual(client.get(key).body, key.encode())
            self.assertEqual(client.put("key-0", "again").status, 200)
        # A second backup replaces the first one.
        with self.store():
            self.assertEqual(self.desk.run("embedded-backup"), "ok\n")

    def test_backup(self):
        """The cluster's database is backed up under writes, and the backup is restored."""
        contents = self.contents_backed_up()
        for port in self.cluster.nodes:
            # All of it is cached now.
            self.assertEqual(self.client.get(contents.changed, port=port).body, b"later")
            self.assertEqual(self.client.get(contents.late, port=port).body, b"lost")
        zones = self.zones()
        self.restore(f"{self.database}-restore")
        self.check_restored(contents)
        self.assertEqual(self.zones(), zones)
        if self.database == "cockroach":
            # As migrations of a later release would.
            for statement in ("CREATE TABLE later (id INT8 PRIMARY KEY)", "DROP TABLE later"):
                self.configure(statement, user="kv", database="kv")
            self.desk.run("cockroach-drop")

    def test_rebuild(self):
        """The cluster's database loses all of its data, and is rebuilt from a backup."""
        contents = self.contents_backed_up()
        zones = self.zones()
        self.cluster.command("kill", "database")
        for folder in self.cluster.folder.glob(LOST[self.database]):
            # For PostgreSQL, this may be a link to another folder.
            shutil.rmtree(folder.resolve())
        self.restore(f"{self.database}-rebuild")
        self.check_restored(contents)
        self.assertEqual(self.zones(), zones)

    @pytest.mark.only_on("cockroach")
    def test_replace(self):
        """A node of the database loses its disk and is replaced, while the store is in use."""
        key = self.key("replaced")
        self.assertEqual(self.client.put(key, "here").status, 201)
        # The minimum; the default of five minutes is too long for a test.
        self.configure("SET CLUSTER SETTING server.time_until_store_dead = '75s'")
        self.addCleanup(self.configure, "RESET CLUSTER SETTING server.time_until_store_dead")
        self.cluster.command("kill", "cockroach-3")
        with writing(self.cluster.nodes[0], self.key("meanwhile")) as written:
            nodes = self.desk.run("cockroach-replace").split("\nid\taddress\t")[-1]
            count = len(written)
            wait_until(lambda: len(written) > count, 30, "writes")
        self.assertEqual(nodes.count("\ttrue\ttrue\n"), 3, nodes)
        self.assertNotIn("false", nodes)
        # The connection has been idle for too long.
        self.client.close()
        self.assertEqual(self.client.get(key, Cache_Control="no-cache").body, b"here")
        self.assertLessEqual(set(written), self.keys(self.key("meanwhile")))

    def keys(self, prefix):
        """All keys under a prefix, page by page."""
        found, page = set(), {"next_cursor": ""}
        while (cursor := page.get("next_cursor")) is not None:
            asked = {"prefix": prefix, "limit": 1000} | ({"cursor": cursor} if cursor else {})
            answer = self.client.request("GET", f"/kv?{urllib.parse.urlencode(asked)}")
            self.assertEqual(answer.status, 200, answer)
            page = json.loads(answer.body)
            found |= {item["key"] for item in page["items"]}
        return found

    def configure(self, statement, user="root", database="system"):
        """Runs a statement on CockroachDB, which must succeed. Returns the rows."""
        answer = probes.sql(self.cluster.port("cockroach-1"), statement, user, database, 30)
        self.assertIsNotNone(answer, statement)
        return answer

    def zones(self):
        """The settings of each table for deleted rows; None without CockroachDB."""
        if self.database != "cockroach":
            return None
        return self.configure(
            "SELECT target, regexp_extract(raw_config_sql, 'gc.ttlseconds = [0-9]+') "
            "FROM [SHOW ZONE CONFIGURATIONS] WHERE target LIKE 'TABLE kv.%' ORDER BY 1"
        )

    def contents_backed_up(self):
        """Writes entries, backs the database up under writes, and changes all entries."""
        contents = Contents(self.key)
        client, port = self.client, self.cluster.nodes[0]
        self.assertEqual(client.put(contents.kept, bytes(range(256))).status, 201)
        contents.tag = client.put(contents.changed, "then").headers["ETag"]
        first = client.put(contents.once, "1", Idempotency_Key='"{}"'.format(contents.once))
        self.assertEqual(first.status, 201)
        with writing(port, self.key("meanwhile")) as written:
            wait_until(lambda: len(written) > 5, 30, "writes")
            known = list(written)
            self.assertRegex(self.desk.run(f"{self.database}-backup"), BACKUPS[self.database])
            count = len(written)
            wait_until(lambda: len(written) > count, 30, "writes after the backup")
        contents.known = known
        for path in (self.desk.folder / "backups").rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        client.delete(contents.kept)
        client.put(contents.changed, "later")
        client.put(contents.late, "lost")
        return contents

    def restore(self, block):
        """Restores a backup: stops all writers, restores the database, starts with an empty
        cache."""
        self.desk.run("restore-begin")
        self.desk.run(block)
        self.desk.run("restore-end")
        self.cluster.wait_until_healthy()
        # Its connections were to processes that have ended.
        self.client.close()

    def check_restored(self, contents):
        """Checks that all writes before the backup are there, and none after it."""
        client = self.client
        for port in self.cluster.nodes:
            for headers in ({}, {"Cache_Control": "no-cache"}):
                answer = client.get(contents.kept, port=port, **headers)
                self.assertEqual(answer.body, bytes(range(256)))
                answer = client.get(contents.changed, port=port, **headers)
                self.assertEqual((answer.body, answer.headers["ETag"]), (b"then", contents.tag))
                self.assertEqual(client.get(contents.late, port=port, **headers).status, 404)
            for key in contents.known:
                # The backup contains every write that was acknowledged before it began.
                self.assertEqual(client.get(key, port=port).body, key.encode())
        # The store works, and still knows its Idempotency-Keys.
        again = client.put(contents.once, "1", Idempotency_Key='"{}"'.format(contents.once))
        self.assertEqual(again.headers.get("Idempotency-Replayed"), "true")
        self.assertEqual(client.put(contents.changed, "now", If_Match=contents.tag).status, 200)
        answer = client.put(contents.late, "again", Prefer="respond-async")
        self.assertEqual(self.wait_for(answer.operation)["status"], "applied")


# The output of the commands for a backup.
BACKUPS = {"postgres": r"TABLE DATA public entries", "cockroach": r"/\d{4}/\d\d/\d\d-\d+\.\d+"}


# The data folders of nodes, below the cluster's folder.
LOST = {"postgres": "postgres/data", "cockroach": "cockroach-?"}


class Contents:
    """The keys of a test of backups, and their state at the time of the backup."""

    def __init__(self, key):
        self.kept, self.changed, self.late = key("kept"), key("changed"), key("late")
        self.once = key("once")
        self.tag = None
        self.known = []


@contextlib.contextmanager
def writing(port, prefix):
    """Writes one key after the other during the block. Gives the acknowledged ones."""
    stopping, written = threading.Event(), []

    def write():
        client = Client([port])
        for number in itertools.count():
            if stopping.is_set():
                break
            key = f"{prefix}-{number}"
            if client.put(key, key).status == 201:
                written.append(key)
        client.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stopping.set()
        thread.join()
