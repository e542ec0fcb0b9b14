"""The whole system on one machine, without containers: the code of `scripts/cluster`.

Tests and benchmarks use it directly:

    cluster = Cluster(folder, base=23000)
    cluster.up(["backing"])
    cluster["redis-1"].kill()
    cluster.start(["redis-1"])
    cluster.down(purge=True)

Linux only: it reads the state of processes from /proc.
"""

from .cluster import Cluster
from .errors import ClusterError

__all__ = ["Cluster", "ClusterError"]
