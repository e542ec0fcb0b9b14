"""Runs the commands of SETUP.md unchanged."""

import json
import re
import subprocess
from pathlib import Path

from support import ROOT

CLUSTER = """\
#!/bin/sh
# Replaces scripts/cluster in the commands, and acts on the cluster of the tests.
verb=$1
shift
[ "$verb" = up ] && set -- --binaries '{binaries}' "$@"
exec '{root}/scripts/cluster' "$verb" --dir '{folder}' "$@"
"""


def block(name):
    """The shell commands that follow `<!-- tested: name -->`."""
    text = (ROOT / "SETUP.md").read_text()
    found = re.findall(rf"^<!-- tested: {name} -->\n```sh\n(.*?)^```$", text, re.M | re.S)
    if len(found) != 1:
        raise AssertionError(f"SETUP.md has {len(found)} blocks that are called {name}")
    return found[0]


def names():
    """The names of all marked blocks."""
    return re.findall(r"^<!-- tested: (.*) -->$", (ROOT / "SETUP.md").read_text(), re.M)


class Desk:
    """A folder for the commands, which stands for the repository: kv-api and the cluster's
    CockroachDB are on the PATH; scripts/cluster and .cluster are those of the cluster of the
    tests."""

    def __init__(self, folder, cluster):
        self.folder = Path(folder)
        self.binaries = Path(cluster.binaries).resolve()
        self._programs = self.folder / "programs"
        self._programs.mkdir()
        if cluster.database == "cockroach":
            plan = json.loads((cluster.folder / "cluster.json").read_text())
            (self._programs / "cockroach").symlink_to(plan["cockroach"])
        (self.folder / ".cluster").symlink_to(cluster.folder.resolve())
        (self.folder / "scripts").mkdir()
        script = self.folder / "scripts" / "cluster"
        script.write_text(
            CLUSTER.format(binaries=self.binaries, root=ROOT, folder=cluster.folder)
        )
        script.chmod(0o755)

    def run(self, name):
        """Runs a block; fails if one of its commands fails. Returns the output."""
        path = f'PATH="{self._programs}:{self.binaries}:$PATH"\n'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", path + block(name)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            raise AssertionError(f"SETUP.md, {name}:\n{done.stdout}")
        return done.stdout
