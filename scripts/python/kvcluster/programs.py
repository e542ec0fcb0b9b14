"""Where the programs are. Debian keeps some of them off the PATH."""

import glob
import os
import shutil

from .errors import ClusterError


def find(name, *places, group="cluster"):
    """The path of a program: on the PATH, or the newest that one of the patterns finds. `group` is
    what scripts/packages calls those that it belongs to."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    for pattern in places:
        matches = sorted(glob.glob(pattern), key=_version)
        found = matches[-1] if matches else found
    if found is None:
        raise ClusterError(
            f"there is no {name} here. On Debian: scripts/packages {group}; elsewhere, install "
            f"what your system calls it"
        )
    return found


def _version(path):
    return [int(part) if part.isdigit() else 0 for part in path.split("/")]


def is_program(path):
    """Whether this is a file that may be run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def cockroach(remembered=None):
    """The absolute path of CockroachDB's program, which Debian does not have: from KV_COCKROACH, as
    it is remembered, or from the PATH; None if there is none."""
    named = os.environ.get("KV_COCKROACH")
    if named and not is_program(named):
        raise ClusterError(f"KV_COCKROACH is {named}, and that is no program")
    if not named and remembered and is_program(remembered):
        named = remembered
    found = named or shutil.which("cockroach")
    return os.path.abspath(found) if found else None
