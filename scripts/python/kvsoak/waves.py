"""How much is asked: waves, so that the autoscaler has something to add and to remove."""

import math
from dataclasses import dataclass

# The autoscaler needs a while to notice a wave.
SECONDS_MIN, SECONDS_MAX = 60, 300


@dataclass(frozen=True)
class Waves:
    """Requests a second that rise and fall between two bounds, at first the lower one."""

    low: float
    high: float
    seconds: float

    @classmethod
    def of(cls, run_seconds, high):
        """Those of a run that takes this long. A sixth of it is compared with another one, and so
        has whole waves."""
        sixth = run_seconds / 6
        seconds = sixth / math.ceil(sixth / SECONDS_MAX)
        return cls(high / 5, high, max(SECONDS_MIN, seconds))

    def rate(self, at):
        """Requests a second, `at` seconds after the start."""
        share = (1 - math.cos(2 * math.pi * at / self.seconds)) / 2
        return self.low + (self.high - self.low) * share
