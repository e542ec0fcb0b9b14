"""Watchers of the keys of the load, which count what they see."""

from kvdemo.watcher import Watcher

from .failures import Failure
from .mix import PREFIX

WATCHERS = 4


class Counting(Watcher):
    """Keeps no events: an hour has too many."""

    count = 0

    def take(self, kind, data):
        self.count += 1


class Watching:
    """Some watchers through Nginx, until the end of the block. That a stream ends is no failure:
    clients resume it. That it can't be resumed, or is silent, is one."""

    def __init__(self, port):
        self._watchers = [Counting([port], PREFIX) for _ in range(WATCHERS)]
        self._told = [(0, 0)] * WATCHERS
        self._last = 0.0

    def __enter__(self):
        for watcher in self._watchers:
            watcher.__enter__()
        return self

    def __exit__(self, *_):
        for watcher in self._watchers:
            watcher.stop()

    def have_begun(self, seconds):
        """Whether all of them follow the changes, within some seconds."""
        return all(watcher.has_begun.wait(seconds) for watcher in self._watchers)

    def figures(self):
        """Events and streams so far, of all of them."""
        return {
            "events": sum(watcher.count for watcher in self._watchers),
            "streams": sum(watcher.streams for watcher in self._watchers),
        }

    def failures(self, now):
        """What went wrong since the last call."""
        found = []
        for place, watcher in enumerate(self._watchers):
            refusals, ends = watcher.refusals[:], watcher.ends[:]
            old_refusals, old_ends = self._told[place]
            self._told[place] = len(refusals), len(ends)
            found += [
                Failure(self._last, now, "watch", f"watch {status}", text[:300])
                for status, text in refusals[old_refusals:]
            ]
            found += [
                Failure(self._last, now, "watch", _end(text), text)
                for text in ends[old_ends:]
                if _end(text)
            ]
        self._last = now
        return found


def _end(text):
    """What a stream's end is called as a failure; None if it is none."""
    if "refused" in text:
        return "watch refused"
    return "watch silence" if "timed out" in text or "TimeoutError" in text else None
