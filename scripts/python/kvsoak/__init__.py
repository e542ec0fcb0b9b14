"""An hour of mixed load on a cluster whose parts are restarted: the code of `scripts/soak`.

The arithmetic is apart from what talks to the system: `flatness`, `judging` and `explaining` read a
document of samples, failures and events.
"""
