"""Errors in the options of a load test, or in the store under test."""


class LoadTestError(Exception):
    """Its text says what is wrong and what to do."""
