"""The software bill of materials: what the programs consist of, from where it is known exactly."""

from .document import bill

__all__ = ["bill"]
