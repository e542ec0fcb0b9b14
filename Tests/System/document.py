"""The commands of SETUP.md, run as they stand there."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CLUSTER = """\
#!/bin/sh
# Stands for scripts/cluster where a command names it, and means the cluster of the tests.
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
    """All blocks that are marked."""
    return re.findall(r"^<!-- tested: (.*) -->$", (ROOT / "SETUP.md").read_text(), re.M)


class Desk:
    """A folder to run them in, as a reader would in the repository: kv-api is on the PATH, and
    scripts/cluster means the cluster of the tests."""

    def __init__(self, folder, cluster):
        self.folder = Path(folder)
        self.binaries = Path(cluster.binaries).resolve()
        (self.folder / "scripts").mkdir()
        script = self.folder / "scripts" / "cluster"
        script.write_text(
            CLUSTER.format(binaries=self.binaries, root=ROOT, folder=cluster.folder)
        )
        script.chmod(0o755)

    def run(self, name):
        """Runs a block; fails if a command of it does. Returns what it prints."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f'PATH="{self.binaries}:$PATH"\n{block(name)}'],
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
