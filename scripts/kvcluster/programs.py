"""Where the programs are. Debian keeps some of them off the PATH."""

import glob
import os
import shutil

from .errors import ClusterError


def find(name, *places):
    """The path of a program: on the PATH, or the newest that one of the patterns finds."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    for pattern in places:
        matches = sorted(glob.glob(pattern), key=_version)
        found = matches[-1] if matches else found
    if found is None:
        raise ClusterError(
            f"there is no {name} here. On Debian: scripts/packages cluster; elsewhere, install "
            f"what your system calls it"
        )
    return found


def _version(path):
    return [int(part) if part.isdigit() else 0 for part in path.split("/")]


def cockroach():
    """CockroachDB's program, from KV_COCKROACH or the PATH; None if there is none."""
    named = os.environ.get("KV_COCKROACH")
    if named and not os.access(named, os.X_OK):
        raise ClusterError(f"KV_COCKROACH is {named}, and that is no program")
    return named or shutil.which("cockroach")
