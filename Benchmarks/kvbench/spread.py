"""How far the rounds of a figure agree, and whether another round is worth its time.

The spread of some rounds is (max - min) / median. The median of all rounds is always among those
of their best-agreeing majority: a few disturbed rounds do not move it far.
"""

import statistics

SPREAD_MAX = 0.1
# Rounds this far apart have nothing in common.
SPREAD_TOLD_MAX = 10
# With those that are repeated, as a multiple of the rounds that were planned.
ROUNDS_FACTOR_MAX = 2


def spread(values):
    middle = statistics.median(values)
    width = max(values) - min(values)
    return width / middle if middle else (float("inf") if width else 0.0)


def majority(values):
    """More than half of the values: those that lie closest together."""
    ordered, count = sorted(values), len(values) // 2 + 1
    windows = [ordered[first : first + count] for first in range(len(ordered) - count + 1)]
    return min(windows, key=lambda window: window[-1] - window[0])


def needs_round(values, planned):
    """Whether a contender with these rounds should run again.

    The planned rounds have to agree. As one disturbed round would spoil the spread for good,
    further rounds are over once most of all agree.
    """
    if len(values) <= planned:
        return len(values) < planned or spread(values) > SPREAD_MAX
    return len(values) < ROUNDS_FACTOR_MAX * planned and spread(majority(values)) > SPREAD_MAX


def to_repeat(values, pairs, planned):
    """The contenders of all pairs (tuples of names) with a side that should run again.

    values: the rounds of each contender, by its name.
    """
    return {
        name
        for pair in pairs
        if any(needs_round(values[name], planned) for name in pair)
        for name in pair
    }


def told(values):
    """As in `4 %`, or `31 %; 4 of 6 within 5 %`."""
    if len(values) < 2:
        return ""
    text = _percent(spread(values))
    if spread(values) > SPREAD_MAX:
        most = majority(values)
        text += f"; {len(most)} of {len(values)} within {_percent(spread(most))}"
    return text


def _percent(share):
    return f"{100 * share:.0f} %" if share < SPREAD_TOLD_MAX else "any"
