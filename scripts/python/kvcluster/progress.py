"""Reports which services a command waits for, and for how long."""

import sys
import time


class Progress:
    """On a terminal, one line that changes; elsewhere, a line for each service that becomes
    ready."""

    def __init__(self, stream=sys.stderr, is_quiet=False):
        self._stream = stream
        self._is_quiet = is_quiet
        self._is_terminal = stream.isatty()
        self._start = time.monotonic()
        self._last_waiting = self._start

    @property
    def seconds(self):
        return time.monotonic() - self._start

    def say(self, text):
        self._print(f"{text}\n")

    def ready(self, name):
        self._print(f"  {name} ready after {self.seconds:.1f} s\n")

    def waiting(self, names):
        """Called often; prints only from time to time."""
        text = f"  {self.seconds:.0f} s, waiting for {', '.join(names)}"
        if self._is_terminal:
            self._print(text[:99])
        elif time.monotonic() - self._last_waiting > 10:
            self._last_waiting = time.monotonic()
            self._print(text + "\n")

    def _print(self, text):
        if self._is_quiet:
            return
        erase = "\r\x1b[K" if self._is_terminal else ""
        self._stream.write(erase + text)
        self._stream.flush()
