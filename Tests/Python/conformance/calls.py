"""Requests with a target that is sent as it stands, and what every answer has to be."""

import http.client
import itertools
import json
import threading
import unittest
from urllib.parse import quote, urlencode

from conformance import server

PATCH_TYPE = "application/merge-patch+json"
PROBLEM_TYPE = "application/problem+json"

_prefixes = itertools.count(1)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def revision(self):
        return int(self.headers["ETag"].strip('"'))

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:400]!r}"


def call(method, target, body=None, headers=None, port=None, connection=None):
    """Sends one request, on a connection of its own unless one is given."""
    own = connection is None
    if own:
        connection = http.client.HTTPConnection("127.0.0.1", port or server.port(), timeout=60)
    try:
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response, response.read())
    finally:
        if own:
            connection.close()


def query(path, **parameters):
    """A target with query parameters, in their order."""
    return f"{path}?{urlencode(parameters, quote_via=quote, safe='')}" if parameters else path


def kv(key):
    """The target of a key; slashes stay as they are."""
    return "/kv/" + quote(key, safe="/")


class Case(unittest.TestCase):
    """A test with keys of its own."""

    maxDiff = None

    def setUp(self):
        self.prefix = f"{type(self).__name__}-{next(_prefixes)}/"

    def key(self, name="key"):
        return self.prefix + name

    def put(self, name, value="value", **headers):
        answer = call("PUT", kv(self.key(name)), value, named(headers))
        self.assertIn(answer.status, (200, 201), answer)
        return answer

    def get(self, name):
        """The newest value: in a cluster, a read may have begun before the write was known."""
        return call("GET", kv(self.key(name)), headers={"Cache-Control": "no-cache"})

    def patch(self, name, document, **headers):
        fields = {"Content-Type": PATCH_TYPE} | named(headers)
        return call("PATCH", kv(self.key(name)), document, fields)

    def batch(self, operations, atomic=False, **headers):
        document = {"atomic": atomic, "operations": operations}
        fields = {"Content-Type": "application/json"} | named(headers)
        return call("POST", "/batch", document, fields)

    def assert_status(self, answer, status):
        self.assertEqual(answer.status, status, answer)
        self.assertIn("Date", answer.headers)
        self.assertIn("X-Request-Id", answer.headers)
        return answer

    def assert_problem(self, answer, status, kind=None, naming=None):
        """A problem document (RFC 9457), whose detail or members name what is wrong."""
        self.assert_status(answer, status)
        self.assertEqual(answer.headers["Content-Type"], PROBLEM_TYPE, answer)
        self.check_problem(answer.json, status, kind, naming)
        return answer.json

    def check_problem(self, problem, status, kind=None, naming=None):
        self.assertLessEqual({"type", "title", "status", "detail"}, set(problem), problem)
        self.assertEqual(problem["status"], status, problem)
        for member in ("type", "title", "detail"):
            self.assertIsInstance(problem[member], str)
            self.assertTrue(problem[member], problem)
        if kind:
            self.assertEqual(problem["type"].rpartition("#")[2], kind, problem)
        if naming:
            texts = [str(text) for name, text in problem.items() if name not in ("type", "title")]
            self.assertIn(naming.lower(), " ".join(texts).lower(), problem)


def named(headers):
    """`if_match="…"` becomes `If-Match: …`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def in_parallel(count, body, numbered=False):
    """Runs `body` in threads; passes on the first error."""
    errors = []

    def run(number):
        try:
            body(*((number,) if numbered else ()))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
