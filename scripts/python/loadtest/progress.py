"""Progress: one line that changes on a terminal, separate lines elsewhere."""

import sys

from .summary import milliseconds


class Progress:
    """Writes to standard error."""

    def __init__(self, stream=sys.stderr):
        self.stream = stream
        self.is_terminal = stream.isatty()
        self.mode, self.duration = "", 0
        self._said = -1

    def preparing(self, ready, count):
        """Reports that keys are being stored."""
        if self.is_terminal:
            self._line(f"{self.mode or 'preparing'}: storing keys, {ready:,} of {count:,}")
        elif not self.mode and ready == 0:
            self._line(f"storing {count:,} keys")

    def begin(self, mode, duration):
        """Reports the warm-up of a mode."""
        self.mode, self.duration = mode, duration
        self._line(f"{mode}: warming up")

    def show(self, measurement):
        """Reports the end of an interval."""
        last = measurement.intervals[-1]
        failed = sum(sum(measurement.failures(one).values()) for one in measurement.intervals)
        self._line(
            f"{self.mode}: {measurement.seconds:.0f} of {self.duration} s  "
            f"{last.per_second:>9,.0f} requests/s  "
            f"p50 {milliseconds(last.latencies.percentile(50))}  "
            f"p99 {milliseconds(last.latencies.percentile(99))}  errors {failed:,}"
        )

    def end(self):
        """Ends the line of a mode."""
        self.mode = ""
        if self.is_terminal:
            self._line("")

    def say(self, text):
        """Prints another message."""
        self._line(text)
        if self.is_terminal and text:
            self.stream.write("\n")

    def _line(self, text):
        if self.is_terminal:
            self.stream.write(f"\r\x1b[K{text}")
        else:
            self.stream.write(f"{text}\n")
        self.stream.flush()
