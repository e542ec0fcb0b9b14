"""Rounds: contenders take turns, because a machine's speed drifts."""

import sys

from . import spread
from .report import Series


def say(text):
    print(text, file=sys.stderr, flush=True)


def take_turns(contenders, seconds, rounds, pairs=None):
    """Runs `{name: run(seconds)}` in turn, after one short round that only warms up. A pair whose
    rounds disagree runs further rounds (see spread.py).

    pairs: tuples of names that are compared with each other; by default all are.
    """
    series = {name: Series(name) for name in contenders}

    def play(names, title):
        for name in names:
            result = contenders[name](seconds)
            series[name].runs.append(result)
            say(f"  {title}  {name}: {result.per_second:,.0f}/s")

    for run in contenders.values():
        run(1)
    for number in range(1, rounds + 1):
        play(contenders, f"round {number}/{rounds}")
    pairs = [tuple(contenders)] if pairs is None else pairs
    for number in range(1, (spread.ROUNDS_FACTOR_MAX - 1) * rounds + 1):
        rates = {name: one.rates for name, one in series.items()}
        again = spread.to_repeat(rates, pairs, rounds)
        if not again:
            break
        play([name for name in contenders if name in again], f"further round {number}")
    return series
