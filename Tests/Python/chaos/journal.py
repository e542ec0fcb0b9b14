"""What a run has seen so far: answers, faults and violations."""

import collections
import threading
import time

# How many violations of a promise are printed; all are kept in a file.
TOLD_MAX = 5
# How long before a violation a fault may have ended that is named with it; and if it is not known
# when the violation happened, how long ago it may have been.
BEFORE_SECONDS = 10
LATELY_SECONDS = 60
# Answers that a store gives that serves.
SERVED = {200, 201, 202, 204, 404, 412}


class Journal:
    """Shared by all threads of a run."""

    def __init__(self, say, record=lambda line: None):
        """say: prints a line; record: keeps one about a violation or remedy."""
        self.say = say
        self._record = record
        self._start = time.monotonic()
        self._lock = threading.Lock()
        # By kind of operation and status.
        self.statuses = collections.Counter()
        self.violations = []
        # What the run did besides ending its faults, so that the system recovered.
        self.remedies = collections.Counter()
        # The mistakes of this program itself.
        self.errors = []
        # Each as (from, to, fault, what happened); `to` is None while it lasts.
        self.faults = []
        self._served = {}
        # The longest time without a served request, for reads and for writes: (seconds, until).
        self.gaps = {"reads": (0.0, 0.0), "writes": (0.0, 0.0)}

    def clock(self):
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def note(self, operation, status, now):
        """Counts an answer."""
        what = "writes" if operation.is_write else "reads"
        with self._lock:
            self.statuses[operation.kind, status] += 1
            if status in SERVED:
                before = self._served.get(what, now)
                self.gaps[what] = max(self.gaps[what], (now - before, now))
                self._served[what] = now

    def begin_anew(self):
        """There was no load until now: that is no time without an answer."""
        with self._lock:
            self._served.clear()

    def complain(self, violation):
        """Takes a violation, and tells it."""
        with self._lock:
            self.violations.append(violation)
        lines = [f"VIOLATION {violation}", *map("  {}".format, self.faults_around(violation))]
        same = [one for one in self.violations if one.promise == violation.promise]
        for line in lines:
            self._record(line)
            if len(same) <= TOLD_MAX:
                self.say(line)

    def remedy(self, name, detail):
        """Counts and tells what had to be done by hand."""
        self.remedies[name] += 1
        line = f"REMEDY {name}: {detail}"
        self._record(line)
        self.say(f"{self.clock():7.1f} s  {line}")

    def fail(self, error):
        """Something is wrong with this program."""
        self.errors.append(error)
        self.say(f"ERROR {error!r}")

    def faults_around(self, violation):
        """Lines about the faults shortly before and during a violation."""
        now = self.clock()
        begin, end = violation.span or (now - LATELY_SECONDS, now)
        return [
            f"from {when:.1f} to {until or now:.1f} s: {fault} ({detail})"
            for when, until, fault, detail in self.faults
            if when <= end and (until is None or until >= begin - BEFORE_SECONDS)
        ]

    def fault_begins(self, fault, detail):
        """Returns the number of the fault."""
        now = self.clock()
        self.faults.append((now, None, fault, detail))
        self.say(f"{now:7.1f} s  {fault} ({detail})")
        return len(self.faults) - 1

    def fault_ends(self, number):
        when, _, fault, detail = self.faults[number]
        self.faults[number] = (when, self.clock(), fault, detail)

    @property
    def acknowledged(self):
        """How many writes were answered 200, 201 or 204, and how many 202."""
        writes = {"put", "delete", "add"}
        done = sum(
            count
            for (kind, status), count in self.statuses.items()
            if kind in writes and status in (200, 201, 204)
        )
        queued = sum(count for (_, status), count in self.statuses.items() if status == 202)
        return done, queued
