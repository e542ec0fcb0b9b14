"""Queries to a running Prometheus."""

import json
import math
import urllib.error
import urllib.parse
import urllib.request


class QueryError(Exception):
    """Prometheus can't parse or evaluate an expression."""


class Prometheus:
    """Its HTTP API."""

    def __init__(self, port):
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path, **parameters):
        """The data of an answer."""
        text = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self._url}/{path}?{text}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(json.load(error).get("error")) from None

    def values(self, expression):
        """The current series of an expression: labels and value of each."""
        result = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def has_values(self, expression):
        """Whether a value is a number; 0 divided by 0 is not."""
        return any(not math.isnan(value) for _, value in self.values(expression))

    def rules(self, kind):
        """All rules of a kind: `record` or `alert`."""
        groups = self.get("rules", type=kind)["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def targets(self):
        """The scraped targets: job, instance and health."""
        active = self.get("targets", state="active")["activeTargets"]
        return [(one["labels"]["job"], one["labels"]["instance"], one["health"]) for one in active]
