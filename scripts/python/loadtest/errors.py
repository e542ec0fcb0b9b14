"""What is wrong with a request for a load test, or with the store that it is for."""


class LoadTestError(Exception):
    """Its text says what is wrong and what to do about it."""
