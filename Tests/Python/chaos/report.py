"""The summary at the end of a run."""

import collections

from .checks import PROMISES


def summary(run, journal, database, seed):
    """Its lines, at the end of the run."""
    kinds = collections.Counter(fault.kind for _, _, fault, _ in journal.faults)
    done, queued = journal.acknowledged
    broken = collections.Counter(violation.promise for violation in journal.violations)
    late = sum(watcher.late for watcher in run.watchers)
    events = sum(watcher.count for watcher in run.watchers)
    gaps = ", ".join(
        f"{what} {seconds:.1f} s (until {until:.0f} s)"
        for what, (seconds, until) in journal.gaps.items()
    )
    yield f"run                  {journal.clock():.0f} s on {database}, seed {seed}"
    yield f"faults               {_total(kinds)}"
    yield f"rounds               {run.rounds}"
    yield f"requests             {sum(journal.statuses.values())}: {_statuses(journal)}"
    yield f"acknowledged writes  {done}, and {queued} queued"
    yield f"histories            {run.keys} keys, {run.operations} operations"
    yield f"events               {events} at {len(run.watchers)} watchers, {late} out of order"
    yield f"longest without      {gaps}"
    yield f"remedies             {_total(journal.remedies)}"
    yield f"lost                 {broken['lost'] + broken['decided']}"
    yield f"violations           {sum(broken.values())}"
    for promise, count in broken.items():
        yield f"  {count} of: {PROMISES[promise]}"


def _total(counter):
    counts = f": {_counts(counter)}" if counter else ""
    return f"{sum(counter.values())}{counts}"


def _counts(counter):
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


def _statuses(journal):
    by_status = collections.Counter()
    for (_, status), count in journal.statuses.items():
        by_status[str(status)] += count
    return _counts(by_status)
