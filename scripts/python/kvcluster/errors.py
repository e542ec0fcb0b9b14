"""What can go wrong, as a sentence for whoever typed the command."""


class ClusterError(Exception):
    """Says what happened and what to do about it; never holds a password."""
