"""What a request costs as work grows: `make bench BENCH="--scale"`.

    sizes       the steps of each dimension
    places      where it is measured: a node of its own, or one of a cluster
    dimensions  what is done at each step
    results     the figures so far: saved after each step, continued with --resume
    page        the page with plots
"""

from ..turns import say
from . import places
from .dimensions import DIMENSIONS
from .results import Results
from .sizes import KEYS_DEFAULT, KEYS_LEAST, KEYS_MAX

__all__ = ["DIMENSIONS", "KEYS_DEFAULT", "KEYS_LEAST", "KEYS_MAX", "bench"]


def bench(options, folder, machine, beside):
    """Measures all steps that the results do not have yet."""
    results = Results.open(options, machine, beside)
    files = places.raise_file_limit()
    chosen = [one for name, one in DIMENSIONS.items() if name in (options.only or DIMENSIONS)]
    plan = {
        place: {one: one.sizes(options.scale_keys, place.is_cluster, files) for one in chosen}
        for place in places.chosen(options, folder, files)
    }
    total = sum(len(sizes) for steps in plan.values() for sizes in steps.values())
    say(f"{total} steps, saved as {results.path} and .html; --resume continues it")
    for place, steps in plan.items():
        missing = {
            one: [size for size in sizes if not results.has(place.name, one.name, size)]
            for one, sizes in steps.items()
        }
        if any(missing.values()):
            with place:
                for one, sizes in missing.items():
                    _climb(place, one, sizes, results)
    results.save()
    print(f"\n{results.text()}\n\nSaved as {results.path} and {results.page}")


def _climb(place, dimension, sizes, results):
    """The steps of one dimension, on one server. One that fails does not end the others, except
    where its preparation took too long: the next one's would take longer."""
    if not sizes:
        return
    with place.target() as target:
        for size in sizes:
            say(f"{place.name}: {dimension.told(size)} {dimension.unit}")
            try:
                results.add(place.name, dimension.name, size, dimension.step(target, size))
            except places.TooSlowError as error:
                results.fail(place.name, dimension.name, size, error)
                return
            except Exception as error:
                # Keep the other figures, whatever failed.
                results.fail(place.name, dimension.name, size, error)
