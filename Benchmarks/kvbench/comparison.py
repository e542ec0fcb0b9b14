"""Compares the cluster with its peers: starts them, and runs the measurements."""

import contextlib
import functools
import os
import subprocess

from . import queued, reads, watchers, writes
from .broker import Broker
from .contenders import ClusterNginx, Nginx, Webdis
from .measures import Measures
from .peer import Peer, PeerWorker, installed
from .pgbench import Pgbench
from .profile import profiled
from .report import unmeasured
from .running import running_cluster
from .turns import say

# The peer's packages are kept beside the build, and removed with it.
PEER_PACKAGES = ".build/fastapi"
PEER_WORKERS = 2

# By their names in --only, in the order of the table.
MEASURES = {
    "cached": reads.cached,
    "uncached": reads.uncached,
    "writes": writes.distinct,
    "single": writes.single,
    "contended": writes.contended,
    "conditional": writes.conditional,
    "queued": queued.accepted,
    "drained": queued.drained,
    "watchers": watchers.beside_the_cluster,
}
# These are compared with nothing else.
ALONE = {"watchers"}


def bench_cluster(options, folder):
    """The cluster's rows, and a profile for each goal that was missed."""
    try:
        with running_cluster(options, folder) as cluster:
            return compare(cluster, options, folder)
    except Exception as error:
        # Keep the figures of the single node.
        say(f"No cluster to measure: {error}")
        return [unmeasured("cluster", error)], {}


def compare(cluster, options, folder):
    """A measurement that fails becomes a row with the reason; the others still run."""
    chosen = set(MEASURES) & (options.only or set(MEASURES))
    with contextlib.ExitStack() as stack:
        services = peers(cluster, options, folder, stack) if chosen - ALONE else {}
        measures = Measures(cluster, services, options.seconds, options.rounds, options.binaries)
        steps = {"rows": services["pgbench"].prepare} if services else {}
        steps |= {
            name: functools.partial(measure, measures)
            for name, measure in MEASURES.items()
            if name in chosen
        }
        for name, step in steps.items():
            try:
                step()
            except Exception as error:
                # Keep the other figures, whatever failed.
                say(f"  failed: {error!r}")
                measures.add([unmeasured(name, error)])
        loads = measures.loads if options.profile else measures.missed
        profiles = {}
        for name, load in loads.items():
            say(f"Profiling: {name}")
            symbols = profiled(load, cluster.apis, folder)
            if symbols:
                profiles[name.strip()] = symbols
        return measures.rows, profiles


def peers(cluster, options, folder, stack):
    """The services that the cluster is compared with; each is stopped at the end."""

    def started(process):
        stack.callback(process.stop)
        return process

    services = {
        "webdis": started(Webdis(folder, cluster.redis_port, cluster.redis_password)),
        "pgbench": Pgbench(cluster),
        "broker": Broker(os.path.join(options.binaries, "amqp_confirms"), cluster),
        "constant": started(Nginx(folder)),
    }
    behind = services["constant"].port
    services["constant_proxy"] = started(ClusterNginx(cluster.control, folder, behind))
    say("Preparing the same API in FastAPI")
    try:
        peer = started(Peer(cluster, installed(os.path.abspath(PEER_PACKAGES)), folder))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        say(f"  not compared with FastAPI: {error}")
        return services
    services["peer"] = peer
    services["peer_workers"] = [started(PeerWorker(peer, folder)) for _ in range(PEER_WORKERS)]
    services["peer_proxy"] = started(Nginx.before(folder, peer.port))
    return services
