"""Builds this project's programs, with the same flags as every other script."""

import subprocess

from .errors import ClusterError
from .folder import REPOSITORY

FLAGS = {"release": "release_flags", "debug": "swift_flags"}


def build(configuration, products):
    """Builds programs. Returns their folder."""
    flags = f'"${{{FLAGS[configuration]}[@]}}"'
    steps = [f"swift build --product {product} {flags} >&2" for product in products]
    script = "\n".join(["source scripts/lib.sh", *steps, f"swift build {flags} --show-bin-path"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError("the build failed; see above")
    return done.stdout.strip()
