"""Which faults a run has, and when: the same for the same seed, database and disks."""

import dataclasses
import itertools
import random

from kvcluster import ClusterError

from .faults import Fault
from .links import MODES

# How many faults a group has at most, and over how many seconds their beginnings are spread.
GROUP = 3
SPREAD = 3.0
# A fault lasts from here on...
SHORTEST = 1.5
# ...and twice as long at most if it is about nodes that agree among each other, which notice only
# after a while: Erlang's tick takes 15 s, CockroachDB's leases 9 s.
SLOW = {"rabbitmq", "database"}

SYSTEMS = (
    "kv-api", "kv-worker", "clients", "database", "redis", "sentinel", "rabbitmq",
)
PROGRAMS = ("kv-api-1", "kv-api-2", "kv-worker-1", "kv-worker-2")
AMOUNTS = {
    "delay": ("milliseconds", (5, 20, 60, 150, 400)),
    "throttle": ("bytes", (2_000, 20_000, 200_000)),
}


def deck(database, disks):
    """Every fault that there may be, each once, without times."""
    found = [
        *_processes("kv-api", ["kv-api-1", "kv-api-2"]),
        *_processes("kv-worker", ["kv-worker-1", "kv-worker-2"]),
        *_processes("kv-api", ["nginx"], breaks=True),
        *_processes("redis", ["redis master", "redis replicas"]),
        *_processes("sentinel", ["sentinel-1", "sentinel-2", "sentinel-3"]),
        *_processes("rabbitmq", ["rabbitmq-1", "rabbitmq-2", "rabbitmq-3"]),
        Fault("kill", "kv-api", "kv-api", breaks=True),
        *_majorities("kv-worker", "kv-worker"),
        *_majorities("redis", "redis"),
        *_majorities("sentinel", "sentinel-1+sentinel-2"),
        *_majorities("rabbitmq", "rabbitmq-2+rabbitmq-3"),
        *_majorities("rabbitmq", "rabbitmq"),
        Fault("failover", "redis", "sentinel-1"),
        Fault("failover", "redis", "sentinel-2"),
        Fault("memory alarm", "rabbitmq", "rabbitmq-1", breaks=True),
        Fault("disk alarm", "rabbitmq", "rabbitmq-2", breaks=True),
        Fault("end sessions", "database", "database"),
        Fault("cancel queries", "database", "database"),
        *[Fault("full disk", _system(name), name, breaks=_is_needed(name)) for name in disks],
        *_links(),
    ]
    if database == "postgres":
        return found + _processes("database", ["postgres"], breaks=True)
    nodes = ["cockroach-1", "cockroach-2", "cockroach-3"]
    return [
        *found,
        *_processes("database", nodes),
        *_majorities("database", "cockroach-1+cockroach-2"),
        *_majorities("database", "cockroach-2+cockroach-3"),
        *_partitions("database", nodes),
    ]


def _processes(system, targets, breaks=False):
    return [
        Fault(kind, system, target, breaks=breaks)
        for target in targets
        for kind in ("kill", "pause", "restart")
    ]


def _majorities(system, target):
    return [Fault(kind, system, target, breaks=True) for kind in ("kill", "pause")]


def _links():
    """Connections between pairs. Each mode comes for each pair, in the course of time."""
    pairs = [
        *[("database", f"{program} > database", False) for program in PROGRAMS],
        ("database", "kv-api > database", True),
        *[("redis", f"{program} > redis", False) for program in PROGRAMS],
        ("redis", "kv-api > redis master", True),
        ("redis", "sentinel > redis master", False),
        ("redis", "redis replicas > redis master", False),
        *[("sentinel", f"{program} > sentinel", False) for program in PROGRAMS],
        ("sentinel", "kv-api > sentinel-1+sentinel-2", True),
        ("sentinel", "sentinel-1 <> sentinel-2+sentinel-3", False),
        *[("rabbitmq", f"{program} > rabbitmq", False) for program in PROGRAMS],
        ("kv-api", "nginx > kv-api-1", False),
        ("kv-api", "nginx > kv-api-2", False),
        ("clients", "clients > kv-api-1", False),
        ("clients", "clients > kv-api-2", False),
    ]
    nodes = ["rabbitmq-1", "rabbitmq-2", "rabbitmq-3"]
    return [
        *[Fault("link", system, target, breaks=breaks) for system, target, breaks in pairs],
        *_partitions("rabbitmq", nodes),
    ]


def _partitions(system, nodes):
    """Each node alone, and all apart."""
    alone = [
        (node, "+".join(other for other in nodes if other != node)) for node in nodes
    ]
    every = "+".join(nodes)
    return [
        *[Fault("link", system, f"{node} <> {others}") for node, others in alone],
        Fault("link", system, f"{every} <> {every}", breaks=True),
    ]


def _system(name):
    return "rabbitmq" if name.startswith("rabbitmq") else "database"


def _is_needed(name):
    """An alarm of one RabbitMQ node blocks all of them."""
    return not name.startswith("cockroach")


class Schedule:
    """Groups of faults without end."""

    def __init__(self, seed, database, disks=(), longest=8.0, kinds=(), systems=(), breaks=1):
        """
        longest: the longest time of a fault.
        kinds, systems: the only ones that come; empty: all.
        breaks: how many faults at a time may take away more than a minority.
        """
        self._rng = random.Random(f"{seed} {database}")
        self._longest = longest
        self._breaks = breaks
        self._kinds = set(kinds)
        self._deck = [
            fault
            for fault in deck(database, list(disks))
            if self._modes_of(fault) and (not systems or fault.system in systems)
        ]
        if not self._deck:
            raise ClusterError("no fault is left: --kinds and --systems have none in common")
        self._modes = itertools.count(self._rng.randrange(len(MODES)))
        self._cards = []

    def _modes_of(self, fault):
        """The kinds that a card may become."""
        kinds = MODES if fault.kind == "link" else (fault.kind,)
        return [kind for kind in kinds if not self._kinds or kind in self._kinds]

    def group(self):
        """The next faults, which happen together: each is about another part of the system."""
        count = self._rng.choices(range(1, GROUP + 1), (3, 4, 2))[0]
        group, left = [], []
        while len(group) < count and (self._cards or not group):
            card = self._draw()
            systems = {fault.system for fault in group}
            broken = sum(fault.breaks for fault in group)
            if card.system in systems or (card.breaks and broken >= self._breaks):
                left.append(card)
            else:
                group.append(self._timed(card, is_first=not group))
        self._cards += reversed(left)
        return sorted(group, key=lambda fault: fault.after)

    def _draw(self):
        """Every card comes once before any comes again."""
        if not self._cards:
            self._cards = self._rng.sample(self._deck, len(self._deck))
        return self._cards.pop()

    def _timed(self, card, is_first):
        longest = self._longest * (2 if card.system in SLOW else 1)
        seconds = round(self._rng.uniform(SHORTEST, longest), 1)
        after = 0.0 if is_first else round(self._rng.uniform(0, SPREAD), 1)
        kind, amounts = card.kind, {}
        if kind == "link":
            modes = self._modes_of(card)
            kind = modes[next(self._modes) % len(modes)]
        if kind in AMOUNTS:
            name, choices = AMOUNTS[kind]
            amounts = {name: self._rng.choice(choices)}
        return dataclasses.replace(
            card, kind=kind, seconds=seconds, after=after, amounts=amounts
        )
