"""One key as a sequential object: what each operation may find, and how it changes the key."""

from typing import NamedTuple

from .history import DONE, MISSING, REFUSED, UNKNOWN


class State(NamedTuple):
    """A key at one moment. `revision` is the entry's or the tombstone's; if it is not exact, it is
    older than that, because nobody was told that revision."""

    value: int | None = None
    revision: int = 0
    is_exact: bool = True
    version: int = 0


class Register:
    """The rules. Without `counts`, versions may be anything; without `grows`, revisions may be."""

    def __init__(self, counts=True, grows=True):
        self.counts = counts
        self.grows = grows

    def after(self, state, operation):
        """The state after an operation; None if it could not have been answered so."""
        if not operation.is_write:
            return self._read(state, operation)
        if operation.outcome == MISSING:
            return state if state.value is None else None
        if operation.outcome == REFUSED:
            return self._refuse(state, operation)
        state = self._require(state, operation)
        if state is None or operation.outcome not in (DONE, UNKNOWN):
            return None
        return self._write(state, operation)

    def _read(self, state, operation):
        if operation.found is None:
            return state if state.value is None else None
        if state.value != operation.found:
            return None
        return self._pin(state, operation.revision)

    def _pin(self, state, revision):
        """The state of an entry that is known to have this revision; None if it has not."""
        if state.value is None:
            return None
        if not self.grows or (state.is_exact and state.revision == revision):
            return state
        if not state.is_exact and revision > state.revision:
            return state._replace(revision=revision, is_exact=True)
        return None

    def _refuse(self, state, operation):
        """A condition did not hold: the answer names the revision that the entry has instead."""
        if operation.revision is None:
            return state if state.value is None and operation.condition != "absent" else None
        if operation.condition == operation.revision:
            return None
        return self._pin(state, operation.revision)

    def _require(self, state, operation):
        """The state if its condition holds, else None."""
        if operation.condition is None:
            return state
        if operation.condition == "absent":
            return state if state.value is None else None
        return self._pin(state, operation.condition)

    def _write(self, state, operation):
        if operation.kind == "delete" and state.value is None:
            return None
        value = operation.value
        if operation.kind == "add":
            value = (state.value or 0) + operation.amount
            if operation.found not in (None, value):
                return None
        version = 0 if value is None else state.version + 1
        told = operation.version
        if told is not None and self.counts and told != version:
            return None
        if operation.revision is None:
            return State(value, state.revision, False, version)
        if operation.revision <= state.revision and self.grows:
            return None
        return State(value, operation.revision, True, version)
