"""kv watch and lock."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

import support
from command import shell
from command.shell import kv, start


class Watching(unittest.TestCase):
    def watch(self, *arguments):
        """Starts a watch that has begun when this returns."""
        process = start("watch", "--json", "--count", 3, *arguments)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_changes(self):
        """Every change of the prefix comes once, in order, and a later watch resumes."""
        process = self.watch("w/")
        # Nothing tells when the stream has begun: write until the first change was seen.
        os.set_blocking(process.stdout.fileno(), False)
        seen = b""

        def first():
            nonlocal seen
            kv("put", "w/first", "x")
            seen += process.stdout.read() or b""
            return b"\n" in seen

        support.wait_until(first, 20, "change")
        event = json.loads(seen.splitlines()[0])
        self.assertEqual((event["event"], event["data"]["key"]), ("put", "w/first"))
        kv("put", "other", "x")
        kv("put", "w/a", "1")
        kv("rm", "w/a")
        resumed = start("watch", "--after", event["id"], "--json", "--count", 2, "w/")
        output, errors = resumed.communicate(timeout=30)
        self.assertEqual(resumed.returncode, 0, errors)
        self.assertEqual(len(output.splitlines()), 2)

    def test_gone(self):
        """A position that lies beyond the end is explained."""
        done = kv("watch", "--after", "99999999999.0", code=8)
        self.assertIn("99999999999.0", done.errors)
        kv("watch", "--after", "nonsense", code=2)

    def test_exec(self):
        with tempfile.NamedTemporaryFile("r", prefix="kv-") as file:
            process = start(
                "watch", "--count", 1, "--exec",
                f'echo "$KV_EVENT $KV_KEY" > {file.name}; cat >> {file.name}', "exec/",
            )  # fmt: skip
            def ended():
                kv("put", "exec/key", "x")
                return process.poll() is not None

            support.wait_until(ended, 20, "end of the watch")
            process.communicate()
            head, document = file.read().splitlines()
        self.assertEqual(head, "put exec/key")
        self.assertEqual(json.loads(document)["data"]["key"], "exec/key")

    def test_exec_of_a_command_that_reads_nothing(self):
        """A change is more than a pipe holds, and nobody reads it."""
        kv("put", "unread/key", "x" * 100_000)
        process = start("watch", "--values", "--count", 2, "--exec", "exit 3", "unread/")

        def ended():
            kv("put", "unread/key", "x" * 100_000)
            return process.poll() is not None

        support.wait_until(ended, 30, "end of the watch")
        _, errors = process.communicate()
        self.assertEqual(process.returncode, 0, errors)
        self.assertIn(b"ended with 3", errors)

    def test_interrupted(self):
        process = start("watch", "int/")
        support.wait_until(lambda: handles(process.pid, signal.SIGINT), 20, "handler")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 130)


class Locks(unittest.TestCase):
    def test_command(self):
        """The command gets the fencing token, kv its exit code, and the lock is free afterwards."""
        script = 'echo "$KV_LOCK_NAME $KV_LOCK_REVISION"; exit 42'
        done = kv("lock", "k/a", "--", "sh", "-c", script, code=42)
        name, first = done.text.split()
        self.assertEqual(name, "k/a")
        kv("get", "k/a", code=3)
        second = kv("lock", "k/a", "--", "sh", "-c", 'echo "$KV_LOCK_REVISION"').text
        self.assertGreater(int(second), int(first))

    def test_held(self):
        kv("put", "k/held", "another")
        kv("lock", "k/held", "--", "true", code=4)
        kv("lock", "--wait-for", "1s", "k/held", "--", "true", code=4)
        process = start("lock", "--wait", "k/held", "--", "echo", "done")
        self.assertIn(b"Waiting", process.stderr.readline())
        kv("rm", "k/held")
        output, errors = process.communicate(timeout=30)
        self.assertEqual((output, process.returncode), (b"done\n", 0), errors)

    def test_renewed(self):
        """A command that takes longer than the lock lasts keeps it."""
        kv("lock", "--ttl", "2s", "k/renewed", "--", "sleep", "5")

    def test_lost(self):
        """When somebody takes the lock away, the command is ended with all that it started."""
        with tempfile.NamedTemporaryFile("r", prefix="kv-") as file:
            script = f"sleep 60 & echo $! > {file.name}; wait"
            process = start("lock", "--ttl", "2s", "k/lost", "--", "sh", "-c", script)
            child = int(support.wait_until(lambda: file.seek(0) or file.read(), 10, "command"))
            kv("put", "k/lost", "taken away")
            _, errors = process.communicate(timeout=20)
            self.assertEqual(process.returncode, 9, errors)
            support.wait_until(lambda: not is_running(child), 5, "end of the command's child")
        self.assertEqual(kv("get", "k/lost").text, "taken away")

    def test_signal(self):
        """SIGTERM reaches the command, and the lock is given back."""
        process = start("lock", "k/signal", "--", "sleep", "60")
        support.wait_until(lambda: "k/signal" in kv("ls", "k/signal").lines, 10, "lock")
        # The command runs a moment after the lock is taken.
        support.wait_until(lambda: children(process.pid), 10, "command")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 143)
        kv("get", "k/signal", code=3)

    def test_no_program(self):
        kv("lock", "k/none", "--", "no-such-program", code=127)
        kv("get", "k/none", code=3)
        kv("lock", "k/none", code=2)


def children(process):
    return subprocess.run(
        ["ps", "--ppid", str(process), "-o", "pid="], capture_output=True, check=False
    ).stdout.split()


def handles(process, number):
    """Whether the process has its own way with the signal."""
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        masks = dict(line.split(":", 1) for line in file)
    return (int(masks["SigCgt"], 16) | int(masks["SigIgn"], 16)) >> (number - 1) & 1


def is_running(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False
