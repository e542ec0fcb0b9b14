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
