"""The promises, each checked on the history of one key."""

import dataclasses

from .history import DONE, MISSING, NOTHING, QUEUED, REFUSED, STEP, UNKNOWN, Violation
from .linear import Undecided, explains, shortest
from .register import Register

PROMISES = {
    "lost": "an acknowledged write is not lost",
    "linearizable": "writes of a key, and reads of the database, are linearizable",
    "stale": "a read returns nothing older than what was acknowledged before it began",
    "counted": "each write takes effect once, and counts one version",
    "one revision": "a value that was written once has one revision",
    "unwritten": "only what was written is found",
    "acceptance": "writes take effect in the order of their acceptance",
    "decided": "a queued write is decided",
    "idempotent": "requests with the same Idempotency-Key have one outcome",
    "answer": "requests have the answers that the API names",
    "seen": "a watcher sees every change",
    "order": "a watcher sees the changes of a key in the order of their revisions",
    "position": "a watcher can resume where it was",
    "converges": "all nodes return the last value",
    "recovers": "after a fault the system becomes healthy within its time",
    "runs": "no kv-api and no kv-worker ends by itself",
}


def check(history):
    """The violations of all promises that the history of one key shows."""
    told = history.ordered()
    known = resolve(told)
    found = [
        *_two_revisions(told), *_unwritten(told), *_two_outcomes(told), *_undecided(told),
        *_accepted_late(known), *_superseded(told),
    ]
    found += _unexplained(known)
    for violation in found:
        violation.key = history.key
    return found


# What is known in the end

def resolve(operations):
    """The operations with their final outcomes: queued writes as they were decided, and those
    whose effect a read has found. Without those that did nothing for certain."""
    seen = {}
    for one in operations:
        if not one.is_write and one.found is not None and one.found % STEP == 0:
            seen.setdefault(one.found, one)
            seen[one.found] = min(seen[one.found], one, key=lambda read: read.end)
    resolved = (_resolve(operation, seen.get(operation.value)) for operation in operations)
    return [operation for operation in resolved if operation is not None]


def _resolve(operation, read):
    one = dataclasses.replace(operation)
    if one.outcome == QUEUED:
        if one.state == "superseded":
            return None
        one.outcome = {"applied": DONE, "precondition_failed": REFUSED}.get(one.state, UNKNOWN)
        if one.outcome == DONE and one.kind == "delete" and one.revision is None:
            one.outcome = MISSING
    if one.outcome == NOTHING:
        return None
    if read is not None and one.kind == "put" and one.outcome in (DONE, UNKNOWN):
        if one.outcome == UNKNOWN:
            one.outcome, one.is_found, one.revision = DONE, True, read.revision
        # Nodes may read the old entry from the cache until a write is acknowledged.
        if not one.is_acknowledged:
            one.end = read.end if one.end is None else min(one.end, read.end)
    return one


# Each promise

def _unexplained(known):
    """What no order of the operations explains."""
    fresh = [operation for operation in known if operation.kind != "cached"]
    try:
        if explains(fresh):
            if explains(known):
                return
            # Of the reads of the cache, the first one that can't be explained.
            evidence = shortest(known)
            yield Violation("stale", "", _told(evidence[-1:]), evidence)
        elif lost := _lost(fresh):
            yield Violation("lost", "", f"{lost} acknowledged writes", shortest(fresh))
        elif explains(fresh, register=Register(counts=False)):
            yield Violation("counted", "", "the versions do not fit", shortest(fresh))
        else:
            yield Violation("linearizable", "", "no order explains", shortest(fresh))
    except Undecided:
        yield Violation("linearizable", "", "no order was found before the search ended", known)


def _told(operations):
    return ", ".join(str(operation) for operation in operations)


def _lost(known):
    """How many acknowledged writes are newer than what the last read has found."""
    reads = [one for one in known if one.kind == "read" and one.found is not None]
    if not reads:
        return 0
    last = max(reads, key=lambda read: read.start)
    return sum(
        1
        for one in known
        if one.is_acknowledged and one.end < last.start and (one.revision or 0) > last.revision
    )


def _two_revisions(told):
    """A value with two revisions was written twice."""
    revisions = {}
    for one in told:
        value = one.found if not one.is_write else one.value
        is_known = one.revision is not None and value is not None and value % STEP == 0
        if is_known and (not one.is_write or one.outcome == DONE or one.state == "applied"):
            revisions.setdefault(value, []).append(one)
    for value, operations in revisions.items():
        if len({operation.revision for operation in operations}) > 1:
            yield Violation("one revision", "", f"{value} has several", operations)


def _unwritten(told):
    """A value that was found, although nobody wrote it or its write did nothing."""
    writers = {one.value: one for one in told if one.kind == "put"}
    for one in told:
        if one.is_write or one.found is None:
            continue
        base = one.found - one.found % STEP
        writer = writers.get(base)
        if writer is None and base:
            yield Violation("unwritten", "", f"{one.found} was never written", [one])
        elif writer is not None and (
            writer.outcome in (NOTHING, REFUSED) or writer.state == "superseded"
        ):
            yield Violation("unwritten", "", f"{base} did nothing, and is found", [writer, one])


def _two_outcomes(told):
    for one in told:
        if len({tuple(answer) for answer in one.answers}) > 1:
            yield Violation("idempotent", "", f"answers {one.answers}", [one])


def _undecided(told):
    for one in told:
        if one.outcome == QUEUED and one.state not in (
            "applied", "superseded", "precondition_failed",
        ):
            yield Violation("decided", "", f"{one.queued_as} is {one.state}", [one])


def _accepted_late(known):
    """Of two writes, the one that was answered before the other began has the smaller revision."""
    writes = [one for one in known if one.is_write and one.outcome == DONE and one.revision]
    latest = None
    for one in sorted(writes, key=lambda operation: operation.revision):
        is_over = one.answered is not None and not one.is_found
        if latest and is_over and one.answered < latest.start:
            message = "the later one has the older revision"
            yield Violation("acceptance", "", message, [one, latest])
        if latest is None or one.start > latest.start:
            latest = one


def _superseded(told):
    """What supersedes a queued write was not over when that write began."""
    writes = [one for one in told if one.is_write and _may_have_happened(one)]
    for one in told:
        if one.state != "superseded":
            continue
        named = [other for other in writes if other.revision == one.revision]
        # Who it was is not known of deletes, and of writes whose outcome nobody was told.
        possible = named or [other for other in writes if other.revision is None]
        if all(other.answered is not None and other.answered < one.start for other in possible):
            yield Violation("acceptance", "", "superseded by an earlier one", [*named, one])


def _may_have_happened(operation):
    if operation.outcome == QUEUED:
        return operation.state not in ("superseded", "precondition_failed")
    return operation.outcome in (DONE, UNKNOWN)
