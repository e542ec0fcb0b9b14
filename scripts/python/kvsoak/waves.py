"""How much is asked: waves, so that the autoscaler has something to add and to remove."""

import math
from dataclasses import dataclass

# A sixth of the run is compared with another one, and both have to hold whole waves.
WAVES_OF_A_SIXTH = 2
SECONDS_MIN, SECONDS_MAX = 60, 300


@dataclass(frozen=True)
class Waves:
    """Requests a second that rise and fall between two bounds, at first the lower one."""

    low: float
    high: float
    seconds: float

    @classmethod
    def of(cls, run_seconds, high):
        """Those of a run that takes this long."""
        seconds = run_seconds / 6 / WAVES_OF_A_SIXTH
        return cls(high / 5, high, min(SECONDS_MAX, max(SECONDS_MIN, seconds)))

    def rate(self, at):
        """Requests a second, `at` seconds after the start."""
        share = (1 - math.cos(2 * math.pi * at / self.seconds)) / 2
        return self.low + (self.high - self.low) * share
