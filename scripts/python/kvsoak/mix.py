"""What clients ask: a table of requests, on a bounded number of keys, so that the data stay as many
as they are."""

from dataclasses import dataclass, field

PREFIX = "soak/"
KEYS, COUNTERS, SHORT_LIVED = 2000, 100, 500
VALUE_BYTES_MAX = 2000
TTL_SECONDS = (2, 40)
PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True)
class Request:
    """One request, and the answers that mean that all is well."""

    kind: str
    method: str
    path: str
    good: frozenset
    body: bytes | None = None
    fields: dict = field(default_factory=dict)

    @property
    def is_read(self):
        return self.method == "GET"


# Kind, share of all requests, method, path, and the good answers. 202 is one for every write: while
# the database is not reached in time, a write is queued instead. 404: a key may have been deleted,
# or its time may be over.
TABLE = [
    ("get", 40, "GET", "key", {200, 404}),
    ("get fresh", 8, "GET", "key", {200, 404}),
    ("get short-lived", 4, "GET", "short", {200, 404}),
    ("put", 18, "PUT", "key", {200, 201, 202}),
    ("put with ttl", 8, "PUT", "short", {200, 201, 202}),
    ("put queued", 8, "PUT", "key", {200, 201, 202}),
    ("add", 6, "PATCH", "counter", {200, 201}),
    ("delete", 4, "DELETE", "key", {202, 204, 404}),
    ("list", 4, "GET", "list", {200}),
]
KINDS = [row[0] for row in TABLE]
SHARES = [row[1] for row in TABLE]
WRITES = frozenset(row[0] for row in TABLE if row[2] != "GET")


def choose(dice):
    """A request, decided by `dice`."""
    kind, _, method, place, good = dice.choices(TABLE, SHARES)[0]
    path, body, fields = _path(place, dice), None, {}
    if kind == "get fresh":
        fields = {"Cache-Control": "no-cache"}
    elif kind == "put queued":
        fields = {"Prefer": "respond-async"}
    elif kind == "put with ttl":
        path += f"?ttl={dice.randint(*TTL_SECONDS)}"
    elif kind == "add":
        body, fields = b'{"add": 1}', PATCH
    if method == "PUT":
        body = b"v" * dice.randint(1, VALUE_BYTES_MAX)
    return Request(kind, method, path, frozenset(good), body, fields)


def _path(place, dice):
    if place == "list":
        return f"/kv?prefix={PREFIX}key-{dice.randint(1, 9)}&limit=20"
    count = {"key": KEYS, "short": SHORT_LIVED, "counter": COUNTERS}[place]
    return f"/kv/{PREFIX}{place}-{dice.randrange(count)}"
