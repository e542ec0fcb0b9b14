"""The paths of programs. Some of Debian's are not on the PATH."""

import glob
import os
import shutil

from .errors import ClusterError


def find(name, *places, group="cluster"):
    """The path of a program: on the PATH, or the newest match of the patterns. `group` is its group
    in scripts/packages."""
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
    """Whether this is an executable file."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def cockroach(remembered=None):
    """The absolute path of CockroachDB's program, which Debian does not have: from KV_COCKROACH,
    from the last `up`, or on the PATH; None if there is none."""
    named = os.environ.get("KV_COCKROACH")
    if named and not is_program(named):
        raise ClusterError(f"KV_COCKROACH is {named}, and that is no program")
    if not named and remembered and is_program(remembered):
        named = remembered
    found = named or shutil.which("cockroach")
    return os.path.abspath(found) if found else None
