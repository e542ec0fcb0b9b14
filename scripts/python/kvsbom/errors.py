"""What the list can't be made without."""


class Missing(Exception):
    """Something that is needed is not there; the message says what to do."""
