"""Chaos: the promises of the whole system, under load and under faults that a seed decides.

The way of a run: `command` starts a cluster whose services reach each other through the `proxy`;
`run` lets `clients` load it, carries out the `schedule`, waits until it is healthy (`health`), has
every operation decided (`settling`), and gives the `history` of each key to `checks` and `events`.
"""
