"""One operation as HTTP requests, and what their answers mean."""

import json
import time
import uuid

from support.client import Unreachable

from .history import DONE, MISSING, NOTHING, QUEUED, REFUSED, UNKNOWN, Violation

PATCH = {"Content-Type": "application/merge-patch+json"}

# How long requests with an Idempotency-Key are repeated until one has a definite answer.
REPEAT_SECONDS = 20


class Requests:
    """Carries out operations with a client, and notes what it was told.

    `clock` gives the time of the run; `complain` takes violations; `note` counts answers.
    """

    def __init__(self, client, name, clock, complain, note):
        self.client = client
        self.name = name
        self.clock = clock
        self.complain = complain
        self.note = note

    def read(self, operation, key, port=None):
        """Returns whether there was an answer: a read without one says nothing."""
        headers = {"Cache-Control": "no-cache"} if operation.kind == "read" else {}
        answer = self._send(operation, "GET", key, None, headers, port)
        if answer is None or answer.status == 503:
            return False
        operation.outcome, operation.end = DONE, self.clock()
        if answer.status == 200:
            operation.found, operation.revision = int(answer.body), answer.revision
        elif answer.status != 404:
            self._refuse(operation, key, answer)
            return False
        return True

    def write(self, operation, key, port=None, prefer=None):
        """A PUT, DELETE or PATCH; with an Idempotency-Key it is repeated."""
        method, body, headers = _request(operation)
        if prefer:
            headers["Prefer"] = prefer
        if operation.name:
            headers["Idempotency-Key"] = f'"{operation.name}"'
            return self._repeat(operation, method, key, body, headers)
        answer = self._send(operation, method, key, body, headers, port)
        if answer is not None and not self._take(operation, answer):
            self._refuse(operation, key, answer)

    def _repeat(self, operation, method, key, body, headers):
        """Until two answers are definite: they have to say the same."""
        end = time.monotonic() + REPEAT_SECONDS
        while len(operation.answers) < 2 and time.monotonic() < end:
            answer = self._send(operation, method, key, body, headers, None)
            if answer is None or answer.status in (409, 503):
                time.sleep(0.1)
            elif answer.status == 202:
                return self._refuse(operation, key, answer)
            else:
                operation.answers.append(_digest(answer))
                if len(operation.answers) == 1 and not self._take(operation, answer):
                    return self._refuse(operation, key, answer)

    def _take(self, operation, answer):
        """Notes what the answer to a write says. False: the API has no such answer."""
        now = self.clock()
        if answer.status in (200, 201):
            document = json.loads(answer.body)
            operation.revision = int(document["revision"])
            operation.version = int(document["version"])
            if operation.kind == "add":
                operation.found = int(document["value"])
            operation.outcome, operation.end = DONE, now
        elif answer.status == 204 and operation.kind == "delete":
            operation.outcome, operation.end = DONE, now
        elif answer.status == 404 and operation.kind == "delete":
            operation.outcome, operation.end = MISSING, now
        elif answer.status == 412 and operation.condition is not None:
            operation.outcome, operation.end = REFUSED, now
            operation.revision = answer.revision
        elif answer.status == 202 and operation.kind != "add":
            operation.outcome, operation.accepted = QUEUED, now
            operation.queued_as = answer.operation
        elif answer.status == 503:
            is_open = b"outcome-unknown" in answer.body
            operation.outcome, operation.end = (UNKNOWN, None) if is_open else (NOTHING, now)
        else:
            return False
        return True

    def _send(self, operation, method, key, body, headers, port):
        begin = self.clock()
        try:
            answer = self.client.request(method, f"/kv/{key}", body, headers, port)
        except Unreachable as error:
            operation.requests.append((round(begin, 3), error.port, error.reason))
            self.note(operation, "unreachable", self.clock())
            return None
        operation.requests.append((round(begin, 3), answer.port, answer.status))
        self.note(operation, answer.status, self.clock())
        return answer

    def _refuse(self, operation, key, answer):
        self.complain(Violation("answer", key, f"{operation.kind}: {answer}", [operation]))


def _request(operation):
    """Method, body and fields."""
    headers = {}
    if operation.condition == "absent":
        headers["If-None-Match"] = "*"
    elif operation.condition is not None:
        headers["If-Match"] = f'"{operation.condition}"'
    if operation.kind == "put":
        return "PUT", str(operation.value), headers
    if operation.kind == "delete":
        return "DELETE", None, headers
    return "PATCH", json.dumps({"add": operation.amount}), headers | PATCH


def _digest(answer):
    """What has to be the same in every answer to an idempotent request."""
    revision = answer.revision
    # A problem document may name the request.
    return [answer.status, revision, answer.body.decode() if answer.status < 300 else ""]


def new_name():
    """A new Idempotency-Key."""
    return str(uuid.uuid4())


def state_of(client, identifier):
    """The state and the revision of a queued write; None without an answer."""
    try:
        answer = client.request("GET", f"/operations/{identifier}")
    except Unreachable:
        return None
    if answer.status == 404:
        return "unknown", None
    if answer.status != 200:
        return None
    document = json.loads(answer.body)
    revision = document["revision"]
    return document["status"], None if revision is None else int(revision)
