"""Machines for a demand, and the limits of the design."""

import math
from dataclasses import dataclass

GIB = 1 << 30

# The limits, and how to remove each.
ADVICE = {
    "redis": "several Sentinel groups, a key's hash choosing one: `RedisCache` behind the port "
             "`Cache` once for each; or a small cache in each kv-api for the hottest keys",
    "queue": "several `kv.writes`, a key's hash choosing one, so that the order of a key stays",
    "stream": "a super stream: `kv.changes` in parts by a key's hash, and /watch reading all",
}
NAMES = {
    "redis": "the one Redis master",
    "queue": "the one queue `kv.writes`",
    "stream": "the one stream `kv.changes`",
}


@dataclass(frozen=True)
class Limit:
    """The load of a part of which the design has only one."""

    name: str
    share: float

    @property
    def parts(self):
        """The number of parts into which it has to be divided."""
        return max(1, math.ceil(self.share))


@dataclass(frozen=True)
class Group:
    """The machines of a service."""

    service: str
    shape: str
    count: int
    cores_each: int
    gib_each: int
    disk_gb_each: float

    @property
    def cores(self):
        return self.count * self.cores_each


@dataclass(frozen=True)
class Plan:
    """The plan for one rate."""

    demand: object
    limits: list
    groups: list

    @property
    def bottleneck(self):
        """The part with the highest load."""
        return max(self.limits, key=lambda limit: limit.share)

    @property
    def fits(self):
        """Whether the design supports this rate without changes."""
        return self.bottleneck.share <= 1

    @property
    def busiest(self):
        """The service with the most processor time."""
        return max(self.demand.cores, key=self.demand.cores.get)


def plan(figures, demand):
    """The machines, with parts divided where necessary."""
    limits = [
        Limit("redis", _redis_share(figures, demand)),
        Limit("queue", demand.queued_writes / _max(figures, "queue_writes_per_second")),
        Limit("stream", demand.stream_bytes / _max(figures, "stream_bytes_per_second")),
    ]
    copies, database = figures.assumed["copies"], figures.assumed["database"]
    disks = {
        "database": demand.database_bytes * database["copies"],
        "rabbitmq": demand.changes_bytes * copies["change_events"]
        + demand.backlog_bytes * copies["queued_writes"],
    }
    groups = [
        _group(figures, service, demand.cores[service], disks.get(service, 0))
        for service in ("nginx", "kv-api", "kv-worker", "database", "rabbitmq")
    ]
    groups.insert(3, _redis(figures, demand))
    groups.append(_group(figures, "monitoring", 0, 100e9 * max(1, math.log10(demand.rate / 250))))
    return Plan(demand, limits, groups)


def _max(figures, name):
    return figures.assumed["limits"][name]["max"]


def _redis_share(figures, demand):
    """The load of one master: its thread with headroom, or its memory."""
    headroom = figures.assumed["headroom"]["utilisation"]
    thread = demand.cores["redis-master"] / (_max(figures, "redis_master_cores") * headroom)
    return max(thread, demand.cache_bytes / _max(figures, "redis_master_bytes"))


def _redis(figures, demand):
    """Masters and replicas, several on a machine: each uses one core at most, so their load and the
    memory of all copies count."""
    headroom = figures.assumed["headroom"]
    cores = demand.cores["redis-master"] + demand.cores["redis-replicas"]
    memory = demand.cache_bytes * figures.assumed["copies"]["cache"]
    return _group(figures, "redis", cores, 0, memory / headroom["memory_utilisation"])


def _group(figures, service, cores, disk_bytes, memory_bytes=0):
    """Enough machines for the load, even if one is lost."""
    machines, headroom = figures.assumed["machines"], figures.assumed["headroom"]
    wanted = machines["services"][service]
    gib_per_core = machines["shapes"][wanted["shape"]]["gib_per_core"]
    needed = max(cores / headroom["utilisation"], memory_bytes / GIB / gib_per_core)
    size = next(
        (s for s in machines["sizes"] if math.ceil(needed / s) <= machines["many"]),
        machines["sizes"][-1])
    count = max(wanted["least"], math.ceil(needed / size))
    disk = disk_bytes / headroom["disk_utilisation"] / count / 1e9
    return Group(service, wanted["shape"], count, size, size * gib_per_core, disk)
