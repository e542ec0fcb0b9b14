"""A fault, and what faults act on."""

from dataclasses import dataclass, field

from kvcluster import redis


@dataclass(frozen=True)
class Fault:
    """One fault of a schedule. What its target means is decided when it begins."""

    # A name in `ways.WAYS`.
    kind: str
    # The part of the system that it is about.
    system: str
    # For `World.names`; a link has such names on both sides of ` > ` or ` <> `.
    target: str
    seconds: float = 0.0
    # Whether it takes away more than a minority of its part.
    breaks: bool = False
    # When it begins, in seconds after its group.
    after: float = 0.0
    amounts: dict = field(default_factory=dict)

    def __str__(self):
        amounts = "".join(f", {name} {value}" for name, value in self.amounts.items())
        return f"{self.kind} {self.target}{amounts} for {self.seconds:.1f} s"


class World:
    """The cluster, and what else faults need."""

    def __init__(self, cluster, network, disks, sessions):
        self.cluster = cluster
        self.network = network
        self.disks = disks
        self.sessions = sessions

    def names(self, target):
        """The names of the services that a target means now: names and kinds with `+` between
        them, `redis master`, `redis replicas`, or `clients`."""
        if target == "clients":
            return [target]
        servers = self.cluster.of_kind("redis")
        if target == "redis master":
            port = redis.master(self.cluster)
            return [one.name for one in servers if port in one.ports.values()]
        if target == "redis replicas":
            master = self.names("redis master")
            return [one.name for one in servers if one.name not in master]
        return [one.name for one in self.cluster.select(target.split("+"))]

    def services(self, target):
        return [self.cluster[name] for name in self.names(target)]
