"""Which failures an event explains. All others need an explanation."""

import collections
from dataclasses import dataclass, field


@dataclass
class Explanation:
    """`by` counts the explained failures: by event, rule and what failed."""

    by: collections.Counter = field(default_factory=collections.Counter)
    unexplained: list = field(default_factory=list)

    def document(self):
        return {
            "explained": [
                {"event": event, "rule": rule, "what": what, "count": count}
                for (event, rule, what), count in sorted(self.by.items())
            ],
            "unexplained": [failure.document() for failure in self.unexplained],
        }


def explain(failures, happenings):
    """Takes each failure as a consequence of the first event that has a rule for it, and whose time
    it falls into."""
    found = Explanation()
    for failure in failures:
        reason = next(_reasons(failure, happenings), None)
        if reason:
            found.by[(*reason, failure.what)] += 1
        else:
            found.unexplained.append(failure)
    return found


def _reasons(failure, happenings):
    for happening in happenings:
        if happening.covers(failure):
            for rule in happening.event.rules:
                if rule.covers(failure):
                    yield happening.event.name, rule.name
