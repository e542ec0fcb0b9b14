"""A new cluster for the measurements, with its own folder and ports."""

import contextlib
import os
import sys

import kvcluster
from kvcluster.cluster import DATABASES
from kvcluster.node import backing_settings

from .cluster import Cluster
from .turns import say


def database_named(options, folder):
    """The name of the cluster's database. Ends the program if there is none."""
    try:
        cluster = _cluster(options, folder)
    except kvcluster.ClusterError as error:
        sys.exit(str(error))
    nodes = len(cluster.of_kind("database"))
    return DATABASES[cluster.database] + (f" on {nodes} nodes" if nodes > 1 else "")


@contextlib.contextmanager
def running_cluster(options, folder, settings=None):
    """Starts a cluster as `scripts/cluster up` does, and removes it afterwards. `settings` are more
    of kv-api's and kv-worker's."""
    say("Starting a cluster")
    started = _cluster(options, folder, settings)
    try:
        started.up()
        yield Cluster(
            started,
            backing_settings(started),
            [api.port for api in started.of_kind("kv-api")],
            [worker.port for worker in started.of_kind("kv-worker")],
            started["nginx"].ports["HTTP"],
        )
    finally:
        say("Ending the cluster")
        started.down(purge=True)


def _cluster(options, folder, settings=None):
    return kvcluster.Cluster(
        os.path.join(folder, "cluster"),
        base=options.base,
        binaries=options.binaries,
        settings={"KV_LOG_LEVEL": "warning"} | (settings or {}),
        is_quiet=False,
        database=options.database,
    )
