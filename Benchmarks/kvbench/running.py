"""A cluster for the measurements: a fresh one, in a folder and on ports of its own."""

import contextlib
import os
import sys

from .cluster import Cluster
from .turns import say

SCRIPTS = os.path.join(os.path.dirname(__file__), "..", "..", "scripts")


@contextlib.contextmanager
def running_cluster(options, folder):
    """Starts what `scripts/cluster up` starts, and removes it all afterwards."""
    sys.path.insert(0, os.path.abspath(SCRIPTS))
    import kvcluster
    from kvcluster.node import backing_settings

    say("Starting a cluster")
    started = kvcluster.Cluster(
        os.path.join(folder, "cluster"),
        base=options.base,
        binaries=options.binaries,
        settings={"KV_LOG_LEVEL": "warning"},
        is_quiet=False,
    )
    try:
        started.up()
        yield Cluster(
            backing_settings(started),
            [api.port for api in started.of_kind("kv-api")],
            [worker.port for worker in started.of_kind("kv-worker")],
            started["nginx"].ports["HTTP"],
        )
    finally:
        say("Ending the cluster")
        started.down(purge=True)
