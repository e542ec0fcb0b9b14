"""Is there an order of the operations on a key that explains all answers?

The search is that of Wing and Gong, with Lowe's memory of what was tried: it takes operations one
by one that no other one has to precede, as long as the key's rules allow the answer. Here revisions
guide it: a write whose revision is known can only come after those with smaller ones.
"""

import dataclasses

from .history import DONE, STEP, UNKNOWN
from .register import Register, State

# How many states a search may visit: far more than any history needs that was seen.
STATES_MAX = 20_000
# What is written by a PUT whose value nobody has found.
UNSEEN = -STEP


class Undecided(Exception):
    """The search took too long."""


def must_precede(first, second):
    """Whether one operation had taken effect before the other one began.

    A read of the cache may return less than the newest: all that counts is what was acknowledged
    before it began. But what it has returned, no later read of the database may lack.
    """
    if first.end is None or first.end >= second.start:
        return False
    return second.kind != "cached" or first.is_acknowledged


def explains(operations, initial=State(), register=None):
    """Whether some order explains them. Operations of unknown outcome may have happened or not, at
    any time after their start."""
    return _Search(operations, initial, register or Register()).run()


class _Search:
    def __init__(self, operations, initial, register):
        self.operations = _without_unseen_values(operations)
        self.initial = initial
        self.register = register
        indices = range(len(self.operations))
        # For each operation, the set of those that come before it, as bits.
        self.before = [
            sum(1 << j for j in indices if must_precede(self.operations[j], self.operations[i]))
            for i in indices
        ]
        # They took effect for certain.
        self.required = sum(1 << i for i in indices if _is_certain(self.operations[i]))
        self.reads = [i for i in indices if _changes_nothing(self.operations[i])]
        revised = [i for i in indices if _has_revision(self.operations[i])]
        self.revised = sorted(revised, key=lambda i: self.operations[i].revision)
        # Those that are certain first.
        other = set(indices) - set(self.reads) - set(revised)
        alike = {}
        for index in sorted(other, key=lambda i: (not self.required >> i & 1, i)):
            alike.setdefault(self._likeness(index), []).append(index)
        # Of those that do the same, the first to start can replace each later one.
        self.others = list(alike.values())

    def _likeness(self, index):
        """Equal for operations of which it does not matter which one happens."""
        one = self.operations[index]
        if self.required >> index & 1 or one.kind == "add":
            return index
        return one.kind, one.condition, one.value

    def run(self):
        seen = set()
        stack = [(0, self.initial)]
        while stack:
            taken, state = self._take_reads(*stack.pop())
            if self.required & ~taken == 0:
                return True
            if (taken, state) in seen:
                continue
            seen.add((taken, state))
            if len(seen) > STATES_MAX:
                raise Undecided
            # The most likely one last, because it is tried first.
            stack += reversed(list(self._next(taken, state)))
        return False

    def _take_reads(self, taken, state):
        """Takes all reads that fit the state: to take one as early as possible excludes nothing."""
        for index in self.reads:
            if self._is_due(index, taken):
                if self.register.after(state, self.operations[index]) == state:
                    taken |= 1 << index
        return taken, state

    def _is_due(self, index, taken):
        return not taken >> index & 1 and self.before[index] & ~taken == 0

    def _next(self, taken, state):
        """What may come next: with everything taken, and the state afterwards."""
        smallest = next((i for i in self.revised if not taken >> i & 1), None)
        candidates = [] if smallest is None else [smallest]
        # Those reads that find out a revision which nobody knew.
        candidates += self.reads
        for alike in self.others:
            candidates.append(next((i for i in alike if not taken >> i & 1), alike[0]))
        for index in candidates:
            if self._is_due(index, taken):
                after = self.register.after(state, self.operations[index])
                if after is not None:
                    yield taken | 1 << index, after


def _without_unseen_values(operations):
    """In order. All values that were written without an answer and never found become the same."""
    found = {one.found - one.found % STEP for one in operations if one.found is not None}
    return [
        dataclasses.replace(one, value=UNSEEN)
        if one.outcome == UNKNOWN and one.kind == "put" and one.value not in found
        else one
        for one in sorted(operations, key=lambda operation: operation.start)
    ]


def _is_certain(operation):
    return operation.outcome != UNKNOWN


def _changes_nothing(operation):
    return not operation.is_write or operation.outcome not in (DONE, UNKNOWN)


def _has_revision(operation):
    return not _changes_nothing(operation) and operation.revision is not None


# The shortest part of a history that shows a violation


def shortest(operations, register=None):
    """As few operations as possible that no order explains."""
    register = register or Register()

    def fails(some, initial=State()):
        try:
            return not explains(some, initial, register)
        except Undecided:
            return False

    told = {(one.client, one.start): one for one in operations}
    operations = _without_later(operations, fails)
    initial, operations = _without_earlier(operations, fails)
    found = _without_reads(operations, initial, fails)
    return [told[one.client, one.start] for one in found]


def _until(operations, time):
    """What was known at a time: of what had not ended, only that it may happen."""
    for operation in operations:
        if operation.start > time:
            continue
        if operation.end is not None and operation.end <= time:
            yield operation
        elif operation.is_write and operation.outcome in (DONE, UNKNOWN):
            yield dataclasses.replace(
                operation, outcome=UNKNOWN, end=None, revision=None, version=None, found=None
            )


def _without_later(operations, fails):
    """Up to the first answer that can't be explained."""
    ends = sorted(operation.end for operation in operations if operation.end is not None)
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if fails(list(_until(operations, ends[middle]))):
            high = middle
        else:
            low = middle + 1
    found = list(_until(operations, ends[high])) if ends else operations
    return found if fails(found) else operations


def _without_earlier(operations, fails):
    """From the last write on, whose state is known, from which the rest can't be explained."""
    starts = [one for one in operations if _has_revision(one) and one.end is not None]
    for first in sorted(starts, key=lambda operation: -operation.revision):
        if (state := _state_after(first)) is None:
            continue
        rest = [one for one in operations if one is not first and _follows(one, first)]
        if any(_is_doubtful(one, first) for one in operations if one is not first):
            continue
        if fails(rest, state):
            return state, [first, *rest]
    return State(), operations


def _state_after(write):
    value = write.found if write.kind == "add" else write.value
    if write.kind == "delete":
        return State(None, write.revision, True, 0)
    return State(value, write.revision, True, write.version) if write.version else None


def _follows(operation, first):
    if _has_revision(operation):
        return operation.revision > first.revision
    if operation.outcome == UNKNOWN:
        return True
    return operation.start > first.end


def _is_doubtful(operation, first):
    """Whether it may have changed the key before or after `first`."""
    if _changes_nothing(operation) or _has_revision(operation) or not _is_certain(operation):
        return False
    return operation.end > first.start and operation.start < first.end


def _without_reads(operations, initial, fails):
    """Without the reads that are not needed to show it, in ever smaller parts."""
    first, kept = (operations[:1], operations[1:]) if initial != State() else ([], operations)
    size = max(len(kept) // 2, 1)
    while True:
        start = 0
        while start < len(kept):
            part = kept[start : start + size]
            rest = kept[:start] + [one for one in part if not _changes_nothing(one)]
            rest += kept[start + size :]
            if len(rest) < len(kept) and fails(rest, initial):
                kept = rest
            else:
                start += size
        if size == 1:
            return sorted(first + kept, key=lambda operation: operation.start)
        size = max(size // 2, 1)
