"""Short histories for the tests of the checks."""

from .history import DONE, MISSING, NOTHING, QUEUED, REFUSED, STEP, UNKNOWN, History, Operation


class Planted:
    """Makes operations. Times and revisions are small numbers; values are 1, 2, 3."""

    def __init__(self):
        self.operations = []

    def _add(self, kind, start, end, outcome, **fields):
        client = f"c{len(self.operations)}"
        one = Operation(client, kind, float(start), end, outcome, **fields)
        self.operations.append(one)
        return one

    def put(self, start, end, value, revision, version, **fields):
        return self._add(
            "put", start, end, DONE, value=value * STEP, revision=revision, version=version,
            **fields,
        )

    def open_put(self, start, value, **fields):
        """Of unknown outcome."""
        return self._add("put", start, None, UNKNOWN, value=value * STEP, **fields)

    def refused_put(self, start, end, value, condition, revision=None):
        return self._add(
            "put", start, end, REFUSED, value=value * STEP, condition=condition, revision=revision
        )

    def idle_put(self, start, end, value):
        """One that did nothing, says its answer."""
        return self._add("put", start, end, NOTHING, value=value * STEP)

    def queued(self, start, accepted, value, state, revision=None, decided=None):
        return self._add(
            "put", start, decided, QUEUED, value=value * STEP, accepted=accepted, state=state,
            revision=revision, queued_as="id",
        )

    def delete(self, start, end):
        return self._add("delete", start, end, DONE)

    def open_delete(self, start):
        return self._add("delete", start, None, UNKNOWN)

    def missing(self, start, end):
        """A DELETE that found nothing."""
        return self._add("delete", start, end, MISSING)

    def add(self, start, end, amount, found, revision, version, **fields):
        return self._add(
            "add", start, end, DONE, amount=amount, found=found, revision=revision, version=version,
            **fields,
        )

    def open_add(self, start, amount):
        return self._add("add", start, None, UNKNOWN, amount=amount)

    def read(self, start, end, value, revision=None, kind="read"):
        """Of the database. `value` None: there was no entry."""
        found = None if value is None else value * STEP
        return self._add(kind, start, end, DONE, found=found, revision=revision)

    def read_sum(self, start, end, found, revision):
        return self._add("read", start, end, DONE, found=found, revision=revision)

    def cached(self, start, end, value, revision=None):
        return self.read(start, end, value, revision, "cached")

    @property
    def history(self):
        return History("key", self.operations)
