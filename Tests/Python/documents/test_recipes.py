"""The programs of docs/recipes.md, as they stand there, with several clients at once."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import quote, unquote

from documents.markdown import Document
from support import ROOT
from support.client import Client
from support.server import Server

# What a lock protects: it refuses old tokens, and finds out if two clients are inside at once.
RESOURCE = """
import os, sys, time
folder, fence = sys.argv[1], int(os.environ["FENCE"])
os.mkdir(folder + "/inside")
newest = int(open(folder + "/newest").read())
if fence < newest:
    os.rmdir(folder + "/inside")
    sys.exit("an old token")
open(folder + "/newest", "w").write(str(fence))
count = int(open(folder + "/count").read())
time.sleep(0.02)
open(folder + "/count", "w").write(str(count + 1))
os.rmdir(folder + "/inside")
"""


class Recipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kv-recipes-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
        for block in Document("recipes.md", text).blocks:
            name, = block.marks
            (cls.folder / name).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
        (cls.folder / "resource.py").write_text(RESOURCE)
        # A port of its own, at which it can be started again.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            cls.port = listener.getsockname()[1]
        cls.start()
        cls.addClassCleanup(lambda: cls.server.stop())
        cls.client = Client([cls.port])
        cls.addClassCleanup(cls.client.close)

    @classmethod
    def start(cls):
        data = cls.folder / "data"
        cls.server = Server(KV_LISTEN=f"127.0.0.1:{cls.port}", KV_DATA_DIR=str(data))

    def run_in(self, *words, **settings):
        """Starts a program of the recipes, which ends with the test at the latest."""
        if words[0].endswith(".py"):
            words = [sys.executable, "-u", *words]
        process = subprocess.Popen(
            [str(word) for word in words], cwd=self.folder, text=True, bufsize=1,
            env=os.environ | {"KV_URL": f"http://127.0.0.1:{self.port}"} | settings,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(end, process)
        return process

    def finish(self, processes, code=0):
        for process in processes:
            output, _ = process.communicate(timeout=120)
            self.assertEqual(process.returncode, code, output)

    def value(self, key):
        return self.client.get(quote(key)).body.decode()

    def eventually(self, condition, what, seconds=30):
        limit = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), limit, what)
            threading.Event().wait(0.05)

    def protected(self, name):
        """A folder that a lock of this name protects, and the words of a client of it."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "newest").write_text("0")
        (folder / "count").write_text("0")
        return folder, ("lock.py", name, sys.executable, "resource.py", folder)

    def test_lock(self):
        """Two holders are never inside at once, and each gets a greater token."""
        folder, words = self.protected("shared")
        for _ in range(3):
            self.finish([self.run_in(*words) for _ in range(8)])
        self.assertEqual((folder / "count").read_text(), "24")
        self.assertEqual(self.client.get("locks%2Fshared").status, 404)

    def test_lock_of_the_dead(self):
        """A lock whose holder was killed is free after its time."""
        folder, words = self.protected("dead")
        holder = self.run_in("lock.py", "dead", "sleep", "60", LOCK_TTL="2")
        self.eventually(lambda: self.client.get("locks%2Fdead").status == 200, "a holder")
        holder.kill()
        self.finish([self.run_in(*words)])
        self.assertEqual((folder / "count").read_text(), "1")

    def test_lock_of_the_suspended(self):
        """What a suspended holder sends when it wakes up is refused, and its command is ended."""
        folder, words = self.protected("late")
        seen = folder / "token"
        command = f'echo "$FENCE" > {seen}.new; mv {seen}.new {seen}; sleep 60'
        holder = self.run_in("lock.py", "late", "sh", "-c", command, LOCK_TTL="1")
        self.eventually(seen.exists, "the token of the first holder")
        holder.send_signal(signal.SIGSTOP)
        self.finish([self.run_in(*words)])
        late = self.run_in("resource.py", folder, FENCE=seen.read_text())
        self.assertIn("an old token", late.communicate(timeout=30)[0])
        self.assertEqual((folder / "count").read_text(), "1")
        holder.send_signal(signal.SIGCONT)
        self.eventually(lambda: holder.poll() is not None, "the first holder gives up")
        self.assertEqual(holder.returncode, 1)

    def test_lock_is_renewed(self):
        """A lock is held for longer than its time, as long as its holder lives."""
        _, words = self.protected("long")
        holder = self.run_in("lock.py", "long", "sleep", "4", LOCK_TTL="1")
        self.eventually(lambda: self.client.get("locks%2Flong").status == 200, "a holder")
        other = self.run_in(*words)
        self.finish([holder])
        self.finish([other])

    def test_rate_limit(self):
        """Of many calls at once, exactly as many are allowed as the limit says."""
        # One window of almost two years.
        calls = [self.run_in("sh", "limit.sh", "ada", 10, 60_000_000) for _ in range(30)]
        other = self.run_in("sh", "limit.sh", "bob", 10, 60_000_000)
        codes = []
        for process in calls:
            process.communicate(timeout=60)
            codes.append(process.returncode)
        self.assertEqual(sorted(codes), [0] * 10 + [1] * 20)
        self.finish([other])

    def test_editing(self):
        """Eight clients that edit a document lose no change."""
        edits = [self.run_in("edit.py", "shop/stock", member, 1)
                 for _ in range(8) for member in ("apples", "pears")]
        self.finish(edits)
        self.assertEqual(json.loads(self.value("shop/stock")), {"apples": 8, "pears": 8})

    def test_leader(self):
        """There is one leader; when it is killed, another takes over with a greater token."""
        events = []
        group = [self.run_in("leader.py", "g", f"member {n}", LEADER_TTL="2") for n in range(3)]

        def listen(number):
            for line in group[number].stdout:
                events.append((number, line.split()))

        readers = [threading.Thread(target=listen, args=(n,), daemon=True) for n in range(3)]
        for reader in readers:
            reader.start()
        self.eventually(lambda: events, "a leader")
        threading.Event().wait(5)
        self.assertEqual(len(events), 1, "the leader stays")
        first = events[0][0]
        group[first].kill()
        self.eventually(lambda: len(events) == 2, "another leader")
        second = events[1][0]
        self.assertNotEqual(first, second)
        self.assertGreater(int(events[1][1][1]), int(events[0][1][1]))
        self.assertEqual(self.value("leaders/g"), f"member {second}")
        group[second].send_signal(signal.SIGSTOP)
        self.eventually(lambda: len(events) == 3, "the last one leads")
        group[second].send_signal(signal.SIGCONT)
        self.eventually(lambda: len(events) == 4, "the second notices")
        self.assertEqual(events[3], (second, ["follows"]))
        for process in group:
            process.kill()
        for reader in readers:
            reader.join(10)

    def test_work(self):
        """Each job has one result, though workers die and the work of some takes too long."""
        for number in range(40):
            self.client.put(f"jobs/{number:02}", f"job {number}")
        slow = "import sys, time; text = sys.stdin.read(); time.sleep({}); print(text.upper())"
        quick = (sys.executable, "-c", slow.format(0.05))
        dying = [self.run_in("work.py", sys.executable, "-c", slow.format(60), WORK_TTL="5")
                 for _ in range(2)]
        self.eventually(lambda: len(self.keys("claims/")) == 2, "both have claimed a job")
        late = self.run_in("work.py", sys.executable, "-c", slow.format(3), WORK_TTL="1")
        self.eventually(lambda: len(self.keys("claims/")) == 3, "the late one has, too")
        for process in dying:
            process.kill()
        self.finish([self.run_in("work.py", *quick, WORK_TTL="5") for _ in range(4)])
        self.finish([late])
        self.assertEqual(self.keys("jobs/"), [])
        results = self.client.request("GET", "/kv?prefix=results/&values=true&limit=1000")
        found = {i["key"]: (i["value"], i["version"]) for i in json.loads(results.body)["items"]}
        self.assertEqual(found, {f"results/{n:02}": (f"JOB {n}\n", 1) for n in range(40)})

    def keys(self, prefix):
        answer = self.client.request("GET", f"/kv?prefix={prefix}&limit=1000")
        return [item["key"] for item in json.loads(answer.body)["items"]]

    def test_clear(self):
        """All keys under a prefix are deleted, in as many requests as it takes."""
        for start in range(0, 10_500, 500):
            operations = [{"op": "put", "key": f"old keys/{start + n}", "value": "x"}
                          for n in range(500)]
            self.client.request("POST", "/batch", json.dumps({"operations": operations}))
        self.client.put("old%20key", "x")
        self.finish([self.run_in("sh", "clear.sh", "old keys/")])
        self.assertEqual(self.keys("old"), ["old key"])
        self.finish([self.run_in("sh", "clear.sh", "")], code=1)

    def test_copy(self):
        """A copy equals the list, after a storm of writes and restarts of the server."""
        folder = self.folder / "copy"
        for number in range(250):
            self.client.put(f"c/{number}", f"before {number}")
        self.client.put("d/other", "x")
        follower = self.run_in("follow.py", "c/", folder)
        stop = threading.Event()
        writers = [threading.Thread(target=self.storm, args=(n, stop)) for n in range(4)]
        for writer in writers:
            writer.start()
        for _ in range(3):
            threading.Event().wait(2)
            if random.random() < 0.5:
                self.server.process.kill()
            type(self).server.stop()
            self.start()
        threading.Event().wait(2)
        follower.kill()
        follower = self.run_in("follow.py", "c/", folder)
        threading.Event().wait(2)
        stop.set()
        for writer in writers:
            writer.join()
        # Its connection was to a server of before.
        self.client.close()
        self.eventually(lambda: self.copied(folder) == self.stored(), "the copy is equal", 60)
        self.assertIsNone(follower.poll())
        self.client.put("c/new", b"\xff\x00 bytes")
        self.client.delete("c/0")
        self.eventually(lambda: self.copied(folder) == self.stored(), "it stays equal")

    def storm(self, number, stop):
        client = Client([self.port])
        turn = 0
        while not stop.is_set():
            turn += 1
            key = f"c/{(turn * 13 + number) % 300}"
            try:
                if turn % 5 == 0:
                    client.delete(key)
                else:
                    client.put(key, f"{number} {turn} ü%")
            except Exception:  # noqa: BLE001
                # The server is starting again.
                threading.Event().wait(0.05)
        client.close()

    def copied(self, folder):
        """The files by key; None if one went away meanwhile."""
        try:
            return {unquote(path.name): path.read_bytes()
                    for path in folder.iterdir() if not path.name.endswith(".new")}
        except FileNotFoundError:
            return None

    def stored(self):
        return {key: self.client.get(quote(key)).body for key in self.keys("c/")}


def end(process):
    process.kill()
    process.send_signal(signal.SIGCONT)
    process.wait()
    process.stdout.close()
