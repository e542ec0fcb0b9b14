"""`make demo`: a cluster, some load, and faults that are told step by step. `scripts/demo` runs it.

faults.py has the faults and their texts, load.py and watcher.py measure what clients notice,
show.py tells it.
"""
