"""Watchers, and whether they have seen every change of a key."""

import collections
import threading

from kvdemo.watcher import Watcher

from .history import DONE, Violation


class KeyWatcher(Watcher):
    """Keeps what it has seen of each key until it is asked."""

    def __init__(self, name, ports, prefix):
        super().__init__(ports, prefix)
        self.name = name
        self._lock = threading.Lock()
        # For each key, kind and version by revision.
        self._changes = collections.defaultdict(dict)
        self._newest = collections.Counter()
        # Changes that came for the first time after a newer one of their key.
        self.late = 0
        self.count = 0

    def take(self, kind, data):
        key, revision = data["key"], int(data["revision"])
        with self._lock:
            self.count += 1
            if revision in self._changes[key]:
                return
            self._changes[key][revision] = kind, int(data.get("version", 0))
            if revision < self._newest[key]:
                self.late += 1
            self._newest[key] = max(revision, self._newest[key])

    def changes(self, key):
        """What it has seen of a key: kind and version by revision."""
        with self._lock:
            return dict(self._changes.get(key, {}))

    def forget(self, key):
        """A key that was checked is not used again."""
        with self._lock:
            self._changes.pop(key, None)
            self._newest.pop(key, None)

    def gone(self):
        """The answers that say that its position is no longer there."""
        return [text for status, text in self.refusals if status == 410]


def missing(known, changes):
    """What is missing in what a watcher has seen of a key; None: nothing.

    `known` are the operations as `checks.resolve` gives them. Versions have to be complete: that
    includes writes whose outcome nobody was told.
    """
    for one in known:
        if one.is_write and one.outcome == DONE and one.revision not in (None, *changes):
            return f"revision {one.revision}, of {one}"
    deleted = sum(one.kind == "delete" and one.outcome == DONE for one in known)
    seen = sum(kind == "delete" for kind, _ in changes.values())
    if seen < deleted:
        return f"{deleted - seen} of {deleted} deletes"
    last = 0
    for revision in sorted(changes):
        kind, version = changes[revision]
        if kind == "put" and version != last + 1:
            return f"what came before version {version}, revision {revision}"
        last = version if kind == "put" else 0
    return None


def check(watchers, history, known):
    """The violations of what watchers are promised, once they have had time enough."""
    found = []
    for watcher in watchers:
        if lack := missing(known, watcher.changes(history.key)):
            found.append(Violation("seen", history.key, f"{watcher.name} lacks {lack}"))
    return found
