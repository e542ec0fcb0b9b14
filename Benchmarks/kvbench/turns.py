"""Rounds: contenders take turns, because a machine's speed drifts."""

import sys

from .report import Series


def say(text):
    print(text, file=sys.stderr, flush=True)


def take_turns(contenders, seconds, rounds):
    """Runs `{name: run(seconds)}` in turn, after one short round that only warms up."""
    series = {name: Series(name) for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            result = run(seconds if number else 1)
            if number:
                series[name].runs.append(result)
                say(f"  round {number}/{rounds}  {name}: {result.per_second:,.0f}/s")
    return series
