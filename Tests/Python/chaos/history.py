"""What clients did to a key, and what they were told: the material of every check."""

import dataclasses
import json
from dataclasses import dataclass, field

# The first written value is STEP, the next 2 * STEP: each PUT of a run has a value of its own, also
# after less than STEP was added to it.
STEP = 1_000_000

# What the answer to an operation says.
DONE = "done"
# Nothing was done: a condition did not hold (412), or there was nothing to delete (404).
REFUSED = "refused"
MISSING = "missing"
# It may have taken effect, or may do so at any later time.
UNKNOWN = "unknown"
# 202: it takes effect later, or something newer supersedes it.
QUEUED = "queued"
# 503: nothing was done, says the server.
NOTHING = "nothing"


@dataclass
class Operation:
    """One operation of a client on a key, however many requests it took. Times are seconds since
    the beginning of the run."""

    client: str
    # "put", "delete", "add"; "read" of the database; "cached" read.
    kind: str
    start: float
    # When its outcome was known to have taken effect; None: never.
    end: float | None = None
    outcome: str = UNKNOWN
    # What a PUT writes, what is added, and what was found or is the sum; None: no entry.
    value: int | None = None
    amount: int | None = None
    found: int | None = None
    # A revision, "absent", or None.
    condition: int | str | None = None
    revision: int | None = None
    version: int | None = None
    # The Idempotency-Key.
    name: str | None = None
    # The id of a queued write, when it was accepted, and the state that it has got in the end.
    queued_as: str | None = None
    accepted: float | None = None
    state: str | None = None
    # Nobody was told its outcome, but a read has found what it wrote.
    is_found: bool = False
    # Each request: time, port, and status or error.
    requests: list = field(default_factory=list)
    # What definite answers said, if several requests had the same Idempotency-Key.
    answers: list = field(default_factory=list)

    @property
    def is_write(self):
        return self.kind in ("put", "delete", "add")

    @property
    def is_acknowledged(self):
        """Whether it was answered 200, 201 or 204."""
        return (
            self.is_write
            and self.outcome == DONE
            and self.queued_as is None
            and not self.is_found
        )

    @property
    def answered(self):
        """When its client was told something definite; None: never."""
        return self.accepted if self.queued_as else self.end

    def line(self):
        """As JSON, without what is not known."""
        known = {name: one for name, one in vars(self).items() if one not in (None, [], False)}
        return json.dumps(known)

    def __str__(self):
        end = f"{self.end:9.3f}" if self.end is not None else "        ?"
        words = [f"{self.start:9.3f} {end}  {self.client:<9} {self.kind:<6}", self._what()]
        if self.condition is not None:
            words.append(f"if {self.condition}")
        if self.queued_as:
            words.append(f"queued at {self.accepted:.3f} as {self.queued_as}: {self.state}")
        words.append(f"-> {self.outcome}")
        if self.revision is not None:
            words.append(f"revision {self.revision}")
        if self.version is not None:
            words.append(f"version {self.version}")
        words += [f"[{status} from {port}]" for _, port, status in self.requests[-3:]]
        return " ".join(word for word in words if word)

    def _what(self):
        if self.kind == "put":
            return str(self.value)
        if self.kind == "add":
            return f"{self.amount:+} = {self.found}"
        return "" if self.kind == "delete" else str(self.found)


@dataclass
class History:
    """All operations on one key, in the order of their starts."""

    key: str
    operations: list = field(default_factory=list)

    def lines(self):
        for operation in self.ordered():
            yield json.dumps({"key": self.key} | json.loads(operation.line()))

    def ordered(self):
        return sorted(self.operations, key=lambda operation: operation.start)

    @classmethod
    def of(cls, key, *operations):
        """A history of copies, which may be changed."""
        return cls(key, [dataclasses.replace(operation) for operation in operations])


@dataclass
class Violation:
    """A promise that was broken, and what shows it."""

    # Which promise: see `PROMISES` in checks.py.
    promise: str
    key: str
    message: str
    # The shortest part of the history that shows it.
    evidence: list = field(default_factory=list)

    @property
    def span(self):
        """From when to when it happened; None if that is not known."""
        times = [operation.start for operation in self.evidence]
        ends = [one.end for one in self.evidence if one.end is not None]
        return (min(times), max(times + ends)) if times else None

    def __str__(self):
        lines = [f"{self.promise}: {self.key}: {self.message}"]
        return "\n".join(lines + [f"  {operation}" for operation in self.evidence])
