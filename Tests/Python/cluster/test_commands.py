"""The output of scripts/cluster, and processes that scripts/packages ends."""

import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import pytest

from cluster import clusters
from kvcluster import Cluster, ClusterError, command, folder, listeners
from support import ROOT, wait_until


@pytest.mark.once
class Commands(unittest.TestCase):
    """Printed commands act on the cluster that has printed them."""

    def assert_complete(self, text, place):
        commands = re.findall(r"scripts/cluster [^;`)\n]*", text)
        self.assertTrue(commands, text)
        for line in commands:
            words = shlex.split(line)[1:]
            # Words of the sentence may follow.
            end = next((n for n, word in enumerate(words) if word == "removes"), len(words))
            options = command.parser().parse_args(words[:end])
            self.assertEqual(Path(options.dir), place, line)

    def test_commands_of_up_name_the_folder(self):
        with clusters.temporary_cluster(tls=True) as cluster:
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                command._invite(cluster)
            self.assert_complete(output.getvalue(), cluster.folder.path)

    def test_the_default_folder_is_not_named(self):
        self.assertEqual(folder.Folder(folder.DEFAULT).command("up"), "scripts/cluster up")
        code, _, errors = clusters.script("status", "--dir", "/nowhere/a b")
        self.assertEqual(code, 1)
        self.assertIn("`scripts/cluster up --dir '/nowhere/a b'` makes one", errors)

    def test_commands_in_errors_name_the_folder(self):
        with clusters.temporary_cluster() as cluster:
            cluster.up(["epmd"])
            place = cluster.folder.path
            with self.assertRaises(ClusterError) as another_base:
                Cluster(place, cluster.ports.base + 100)
            other = {"postgres": "cockroach", "cockroach": "postgres"}[cluster.database]
            with self.assertRaises(ClusterError) as another_database:
                Cluster(place, database=other)
            for error in (another_base.exception, another_database.exception):
                self.assert_complete(str(error), place)
            with tempfile.TemporaryDirectory() as beside:
                second = Cluster(beside, cluster.ports.base, database=cluster.database)
                with self.assertRaises(ClusterError) as taken:
                    second.up(["epmd"])
                self.assert_complete(str(taken.exception), Path(beside))


@pytest.mark.once
class Refusals(unittest.TestCase):
    """`up` says what is wrong, and starts nothing."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="kv-refusals-")))
        self.base = clusters.free_base()

    def up(self, place, *words):
        """Asks for a cluster that can't be; returns the error."""
        code, _, errors = clusters.script(
            "up", "--base", self.base, "--dir", place, "--database", "postgres", *words
        )
        self.assertEqual(code, 1, errors)
        self.assertNotIn("Traceback", errors)
        self.assertFalse(listeners.is_taken(self.base + 2), "nothing has started")
        return errors

    def test_programs_that_are_missing_are_named(self):
        errors = self.up(self.folder / "cluster", "--binaries", self.folder)
        self.assertIn(f"there is no kv-api, kv-worker in {self.folder}", errors)
        self.assertFalse((self.folder / "cluster" / "logs").exists())

    def test_a_file_as_folder_is_named(self):
        file = self.folder / "file"
        file.write_text("")
        for place in (file, file / "cluster"):
            errors = self.up(place, "--only", "epmd")
            self.assertIn(f"error: {file}", errors)
            self.assertIn("choose a folder (--dir), not a file", errors)

    def test_a_full_disk_is_named(self):
        with mock.patch.dict(command.VERBS, {"up": self.full}):
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors):
                self.assertEqual(command.main(["up", "--dir", str(self.folder)]), 1)
        self.assertIn("No space left on device: free some space", errors.getvalue())

    @staticmethod
    def full(_):
        with open("/dev/full", "w", encoding="ascii") as file:
            file.write("x")

    def test_other_errors_are_not_hidden(self):
        with mock.patch.dict(command.VERBS, {"up": lambda _: os.kill(2**22 + 1, 0)}):
            with self.assertRaises(ProcessLookupError):
                command.main(["up"])


@pytest.mark.once
class Scripts(unittest.TestCase):
    """scripts/run and scripts/test say what they need, before they build."""

    def refusal(self, name, **variables):
        done = subprocess.run(
            [ROOT / "scripts" / name], env=os.environ | variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_an_old_toolchain_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            swift = Path(folder) / "swift"
            swift.write_text("#!/bin/sh\necho 'Swift version 5.9.2 (swift-5.9.2-RELEASE)'\n")
            swift.chmod(0o755)
            path = f"{folder}:{os.environ['PATH']}"
            for name in ("run", "test"):
                errors = self.refusal(name, PATH=path, KV_LISTEN="127.0.0.1:0")
                self.assertIn("this is Swift 5.9.2, and Swift 6.2 or newer is needed", errors)
                self.assertIn("https://www.swift.org/install", errors)

    def test_a_port_that_is_taken_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            errors = self.refusal("run", KV_LISTEN=address)
        self.assertIn(f"something already listens on {address}: stop it, or choose", errors)


@pytest.mark.once
class PortMapper(unittest.TestCase):
    """Erlang's port mapper, which Debian's RabbitMQ leaves running on every address."""

    def setUp(self):
        self.port = clusters.free_base()
        self.environment = os.environ | {"ERL_EPMD_PORT": str(self.port)}
        self.environment.pop("ERL_EPMD_ADDRESS", None)
        subprocess.run(["epmd", "-daemon"], env=self.environment, check=True)
        self.addCleanup(self.end)
        wait_until(lambda: listeners.is_taken(self.port), 30, "epmd")
        with open("/proc/net/tcp", encoding="ascii") as file:
            self.assertIn(f" 00000000:{self.port:04X} ", file.read())

    def end(self):
        subprocess.run(
            ["epmd", "-kill"], env=self.environment, capture_output=True, check=False
        )

    def end_port_mapper(self):
        """Calls the function of scripts/packages, without systemd."""
        script = (
            'source <(sed -n "/^end_port_mapper() {/,/^}/p" scripts/packages)\n'
            "systemctl() { :; }; as_root=(); end_port_mapper"
        )
        subprocess.run(
            ["bash", "-euc", script], cwd=ROOT, env=self.environment, check=True
        )

    def is_there(self):
        return listeners.is_taken(self.port)

    def test_it_is_ended(self):
        self.end_port_mapper()
        wait_until(lambda: not self.is_there(), 30, "end of epmd")

    def test_one_with_registered_nodes_is_left_alone(self):
        name = b"somebody"
        # ALIVE2_REQ: a node registers for as long as its connection lasts.
        request = (
            b"x" + (4_000).to_bytes(2, "big") + b"M\0" + b"\0\6\0\5"
            + len(name).to_bytes(2, "big") + name + b"\0\0"
        )
        with socket.create_connection(("127.0.0.1", self.port), 10) as node:
            node.sendall(len(request).to_bytes(2, "big") + request)
            self.assertEqual(node.recv(2)[1], 0)
            self.end_port_mapper()
            self.assertTrue(self.is_there())
