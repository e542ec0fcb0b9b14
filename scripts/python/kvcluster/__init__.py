"""The whole system on one machine, without containers: what `scripts/cluster` is made of.

Tests and benchmarks drive it directly:

    cluster = Cluster(folder, base=23000)
    cluster.up(["backing"])
    cluster["redis-1"].kill()
    cluster.start(["redis-1"])
    cluster.down(purge=True)

Linux only: what runs is read from /proc.
"""

from .cluster import Cluster
from .errors import ClusterError

__all__ = ["Cluster", "ClusterError"]
