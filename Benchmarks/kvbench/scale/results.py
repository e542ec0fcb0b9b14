"""The figures so far: saved after each step, as JSON and as a page."""

import json
import os
import sys
import time

from loadtest.summary import milliseconds

from ..report import REASON_CHARACTERS_MAX
from ..turns import say
from . import page
from .cliffs import cliffs
from .dimensions import DIMENSIONS


class Results:
    """A document with `steps`: each has the place, the dimension, the size, and either `works` or
    why it `failed`."""

    def __init__(self, path, document, beside):
        self.path = path
        self.page = f"{path.removesuffix('.json')}.html"
        self.document = document
        self._beside = beside
        # Each start of the program with these results has an entry.
        self._runs = document.setdefault("beside", [])
        self._runs.append({})

    @classmethod
    def open(cls, options, machine, beside):
        """New results, or those to continue. These decide about the length of the rounds."""
        if not options.resume:
            name = f"{time.strftime('%Y%m%d-%H%M%S')}-scale.json"
            document = {
                "machine": machine,
                "seconds": options.seconds,
                "rounds": options.rounds,
                "steps": [],
            }
            return cls(os.path.join(options.results, name), document, beside)
        try:
            with open(options.resume, encoding="utf-8") as file:
                document = json.load(file)
            options.seconds, options.rounds = document["seconds"], document["rounds"]
        except (OSError, ValueError, KeyError) as error:
            sys.exit(f"--resume {options.resume}: no figures of --scale ({error!r})")
        return cls(os.path.abspath(options.resume), document, beside)

    @property
    def steps(self):
        return self.document["steps"]

    def has(self, place, dimension, size):
        """Whether this step was measured; one that failed is tried again."""
        wanted = (place, dimension, size)
        return any(_key(step) == wanted and "works" in step for step in self.steps)

    def add(self, place, dimension, size, found):
        """Adds the figures of a step, or why it failed, and saves all."""
        step = {"place": place, "dimension": dimension, "size": size} | found
        steps = [one for one in self.steps if _key(one) != _key(step)]
        self.document["steps"] = sorted([*steps, step], key=lambda one: one["size"])
        self.save()

    def fail(self, place, dimension, size, error):
        say(f"  failed: {error!r}")
        self.add(place, dimension, size, {"failed": str(error)[:REASON_CHARACTERS_MAX]})

    def sections(self):
        """The steps by place and dimension, in the order of the page."""
        places = dict.fromkeys(step["place"] for step in self.steps)
        for place in sorted(places, reverse=True):
            for name, dimension in DIMENSIONS.items():
                steps = [one for one in self.steps if _key(one)[:2] == (place, name)]
                if steps:
                    yield place, dimension, steps

    def save(self):
        self._runs[-1] = self._beside.figures() | {"line": self._beside.line()}
        _replace(self.path, json.dumps(self.document, indent=2) + "\n")
        _replace(self.page, page.html(self))

    def text(self):
        """A line for what ran beside, and for each step and each cliff."""
        lines = [run["line"] for run in self._runs]
        for place, dimension, steps in self.sections():
            for step in steps:
                at = f"{dimension.told(step['size'])} {dimension.unit}"
                lines.append(f"{place}, {at}: {told(step)}")
            lines += [f"{place}, {dimension.name}: {cliff}" for cliff in cliffs(dimension, steps)]
        return "\n".join(lines)


def told(step):
    if "works" not in step:
        return f"not measured: {step['failed']}"
    works = [
        f"{name} {one['per_second']:,.0f}/s, p99 {milliseconds(one['p99_ms'])}"
        for name, one in step["works"].items()
    ]
    return f"{'; '.join(works)}; {step['rss_mib']:.0f} MiB"


def _key(step):
    return step["place"], step["dimension"], step["size"]


def _replace(path, text):
    """An interruption leaves the old file or the new one."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)
