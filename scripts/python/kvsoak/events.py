"""What happens to the cluster: a table of events, and their order."""

import random
from dataclasses import dataclass

from .mix import WRITES

# Six events in a sixth of an hour: each sixth has every event.
GAP_SECONDS_MIN, GAP_SECONDS_MAX = 20, 100
# A run ends with this many seconds without a new event.
QUIET_SECONDS = 20
DOWN_SECONDS = 15

UNKNOWN = frozenset({"503 outcome-unknown"})


@dataclass(frozen=True)
class Rule:
    """Failures that an event explains: what, and of which requests, or of all."""

    name: str
    what: frozenset
    where: frozenset = frozenset()

    def covers(self, failure):
        return failure.what in self.what and (not self.where or failure.where in self.where)


@dataclass(frozen=True)
class Event:
    """`steps` are verbs of scripts/cluster with their service, or `wait` with seconds. `{redis}` is
    the master; `{rabbitmq}`, `{cockroach}` and `{kv-api}` are any node. `settles` is how many
    seconds after its end the event may explain a failure."""

    name: str
    title: str
    steps: tuple
    rules: tuple = ()
    settles: float = 15
    databases: tuple = ("postgres", "cockroach")

    def stops(self, kind):
        """Whether it ends processes of this kind."""
        return any(kind in target for verb, target in self.steps if verb != "wait")


def _crash(target):
    return (("kill", target), ("wait", DOWN_SECONDS), ("start", target))


EVENTS = [
    Event("kv-api", "every kv-api is restarted", (("restart", "kv-api"),)),
    Event(
        "redis",
        "the master of Redis crashes",
        _crash("{redis}"),
        (
            Rule(
                "a write waits until all know the new master, and is refused after its time",
                frozenset({"503 unavailable", "503 outcome-unknown"}),
                WRITES,
            ),
        ),
    ),
    Event("kv-worker", "every kv-worker is restarted", (("restart", "kv-worker"),)),
    Event(
        "rabbitmq",
        "a node of RabbitMQ is restarted",
        (("restart", "{rabbitmq}"),),
        (Rule("a write that was being queued has no answer", UNKNOWN, WRITES),),
    ),
    Event(
        "kv-api-crash",
        "a kv-api crashes",
        _crash("{kv-api}"),
        (
            Rule(
                "a write that was sent to it has no answer, and is not repeated", UNKNOWN, WRITES
            ),
        ),
    ),
    Event(
        "rabbitmq-crash",
        "a node of RabbitMQ crashes",
        _crash("{rabbitmq}"),
        (Rule("a write that was being queued has no answer", UNKNOWN, WRITES),),
        databases=("postgres",),
    ),
    Event(
        "cockroach",
        "a node of CockroachDB is restarted",
        (("restart", "{cockroach}"),),
        (
            Rule(
                "other nodes take over its keys",
                frozenset({"503 unavailable", "503 outcome-unknown", "503 overloaded"}),
            ),
        ),
        settles=30,
        databases=("cockroach",),
    ),
]
# What the autoscaler does is an event, too: no request may fail.
SCALING = Event("autoscaler", "the autoscaler changes a number", (), settles=40)
REMEDY = Event("remedy", "the stream of changes gets its leader back", ())


@dataclass
class Happening:
    """An event of a run, with its times in seconds."""

    event: Event
    begin: float
    end: float | None = None
    detail: str = ""

    def covers(self, failure):
        """Whether the failure may have happened because of it."""
        end = float("inf") if self.end is None else self.end + self.event.settles
        return failure.begin <= end and failure.end >= self.begin

    def document(self):
        return {
            "name": self.event.name,
            "title": self.event.title,
            "begin": round(self.begin, 1),
            "end": None if self.end is None else round(self.end, 1),
            "detail": self.detail,
        }


def schedule(seconds, database, seed):
    """When each event begins, in seconds after the start. Every event comes once before any comes
    again; the seed decides the order."""
    gap = min(GAP_SECONDS_MAX, max(GAP_SECONDS_MIN, seconds / 36))
    dice, found, at = random.Random(seed), [], gap / 2
    possible = [event for event in EVENTS if database in event.databases]
    while at < seconds - QUIET_SECONDS:
        if len(found) % len(possible) == 0:
            order = dice.sample(possible, len(possible))
        found.append((at, order[len(found) % len(possible)]))
        at += gap
    return found
