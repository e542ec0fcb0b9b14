"""A client of one or several kv-api, as in an application: persistent connections, one request at a
time."""

import http.client
import json
import random


class Unreachable(Exception):
    """The connection broke: whether the request took effect is not known."""

    def __init__(self, port, error):
        super().__init__(f"port {port}: {error!r}")
        self.port = port
        # A word for the error.
        self.reason = type(error).__name__


class Answer:
    def __init__(self, port, status, headers, body):
        self.port = port
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def revision(self):
        tag = self.headers.get("ETag")
        return int(tag.strip('"')) if tag else None

    @property
    def operation(self):
        """The id of the operation that a 202 names."""
        location = self.headers.get("Location") or ""
        return location.rsplit("/", 1)[-1]

    def __repr__(self):
        return f"{self.status} {self.body[:200]!r}"


class Client:
    """Not safe for use by several threads."""

    def __init__(self, ports, timeout=10):
        self.ports = list(ports)
        self.timeout = timeout
        self.connections = {}

    def request(self, method, path, body=None, headers=None, port=None):
        """Sends to `port`, or to any node."""
        port = port or random.choice(self.ports)
        connection = self.connections.get(port)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self.timeout)
            self.connections[port] = connection
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            del self.connections[port]
            raise Unreachable(port, error) from error
        if answer.headers.get("Connection", "").lower() == "close":
            connection.close()
            del self.connections[port]
        return Answer(port, answer.status, answer.headers, body)

    def put(self, key, value, port=None, **headers):
        return self.request("PUT", f"/kv/{key}", value, fields(headers), port)

    def get(self, key, port=None, **headers):
        return self.request("GET", f"/kv/{key}", None, fields(headers), port)

    def delete(self, key, port=None, **headers):
        return self.request("DELETE", f"/kv/{key}", None, fields(headers), port)

    def put_document(self, key, value):
        """In the JSON form."""
        body = json.dumps({"data": {"key": key, "value": value}})
        return self.request("PUT", "/kv", body)

    def delete_document(self, key):
        """In the JSON form."""
        return self.request("DELETE", f"/kv?key={key}")

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()


def fields(names):
    """`if_match="…"` becomes `If-Match: …`."""
    return {name.replace("_", "-"): value for name, value in names.items()}
