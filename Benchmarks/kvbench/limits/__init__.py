"""What happens past the limits: `make bench BENCH="--limits"`.

    overload    five times as many requests as can be answered, in an open loop
    open_loop   the generator of that (open_loop.c)
    normal      a small load that goes on beside something else, and what that costs it
    expensive   batches, lists and counts beside small GETs
    abuse       a client that does harm, until it is told to stop
    crowds      many slow or idle connections
    floods      many requests on few connections
    bombs       requests that are made to be expensive to read
    hot         one key for all
"""

import time
from dataclasses import asdict

from ..report import Row, save, table, unmeasured
from ..scale import places
from ..turns import say
from . import bombs, crowds, expensive, floods, hot, overload

__all__ = ["MEASURES", "bench", "chosen"]

# By their names in --only, in the order of the table. Each gets a new server, or new processes of
# kv-api in the cluster, and returns its rows.
MEASURES = {
    name: measure
    for group in (overload, expensive, crowds, floods, bombs, hot)
    for name, measure in group.MEASURES.items()
}


def bench(options, folder, machine, beside):
    """Measures all that was chosen. The table is saved after each measurement."""
    files = places.raise_file_limit()
    results = Results(options, machine, beside)
    try:
        for place in places.chosen(options, folder, files):
            with place:
                for name in chosen(options.only, place.is_cluster):
                    say(f"{place.name}: {name}")
                    results.add(f"{place.name}: {name}", _measured(place, name))
    finally:
        # Also what there is when it is interrupted.
        if results.path:
            print(f"\n{results.text()}\n\nSaved as {results.path}.txt and .json")


def chosen(only, is_cluster):
    """The names of what is measured there; `only` are those that were asked for, or None."""
    elsewhere = overload.ONLY_SINGLE if is_cluster else overload.ONLY_CLUSTER
    return [name for name in MEASURES if name not in elsewhere and (not only or name in only)]


def _measured(place, name):
    try:
        with place.target() as target:
            return MEASURES[name](target)
    except Exception as error:
        # Keep the other figures, whatever failed.
        say(f"  failed: {error!r}")
        return [unmeasured(name, error)]


class Results:
    """The rows so far."""

    def __init__(self, options, machine, beside):
        self.path = None
        self._folder = options.results
        self._name = f"{time.strftime('%Y%m%d-%H%M%S')}-limits"
        self._machine = f"{machine}; the load runs on the same cores"
        self._beside = beside
        self._rows = []

    def add(self, title, rows):
        self._rows += [*([None] if self._rows else []), Row(title, ""), *rows]
        self._save()

    def text(self):
        missed = sum(row.verdict == "MISS" for row in self._rows if row)
        end = f"{missed} goals missed." if missed else "Every goal reached."
        return f"{self._beside.line()}\n{self._machine}\n\n{table(self._rows)}\n\n{end}"

    def _save(self):
        figures = {
            "beside": self._beside.figures(),
            "machine": self._machine,
            "rows": [asdict(row) for row in self._rows if row],
        }
        self.path = save(self._folder, self._name, self.text(), figures)
