"""Errors, with a text for the user of a command."""


class ClusterError(Exception):
    """Says what happened and what to do about it; never holds a password."""
