"""Whether a series of figures is flat: the median of the second sixth of a time is compared with
that of its last sixth. In the first sixth, caches and pools fill."""

from dataclasses import dataclass
from statistics import median

# Fewer points say nothing.
POINTS_MIN = 5
# Not before this age is a process taken for warm; and where processes of a kind restart, only those
# that are not older than this are compared, so that both sixths have processes of the same age.
AGE_MIN, AGE_MAX = 60, 300
# A life that is shorter has no sixths worth comparing.
LIFE_SECONDS_MIN = 360


@dataclass(frozen=True)
class Tolerance:
    """How much may be added: a share of what it was, or an amount, whichever is more."""

    share: float
    amount: float

    def allows(self, before, after):
        return after - before <= max(self.share * before, self.amount)


def sixths(points, begin, end):
    """The medians of the second and the last sixth between two times, of (time, value) each; None
    if either has too few points."""
    length = (end - begin) / 6
    second = [value for at, value in points if begin + length <= at < begin + 2 * length]
    last = [value for at, value in points if end - length <= at <= end]
    if min(len(second), len(last)) < POINTS_MIN:
        return None
    return median(second), median(last)


@dataclass(frozen=True)
class Reading:
    """A figure of one process at one time; `life` is the same for all readings of a process."""

    at: float
    life: tuple
    age: float
    value: float


def has_restarts(readings):
    """Whether a process began after the first reading of its kind."""
    first = min((reading.at for reading in readings), default=0)
    return any(reading.at - reading.age > first for reading in readings)


def of_a_run(readings, seconds):
    """The two medians of a run, over a kind's processes. If some restart, of the young ones."""
    most = AGE_MAX if has_restarts(readings) else float("inf")
    points = [(one.at, one.value) for one in readings if AGE_MIN <= one.age <= most]
    return sixths(points, 0, seconds)


def of_lives(readings):
    """The medians of the processes' own second and last sixths, over all that lived for long. None
    if none did."""
    lives = {}
    for one in readings:
        lives.setdefault(one.life, []).append((one.age, one.value))
    found = []
    for points in lives.values():
        first, last = min(points)[0], max(points)[0]
        if last - first >= LIFE_SECONDS_MIN and (pair := sixths(points, first, last)):
            found.append(pair)
    if not found:
        return None
    return median(pair[0] for pair in found), median(pair[1] for pair in found)
