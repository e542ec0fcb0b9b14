"""An OpenTelemetry collector that takes spans as OTLP/HTTP in JSON, and checks their form.

The form is that of `ExportTraceServiceRequest` (opentelemetry-proto, trace/v1/trace.proto) in the
JSON mapping of the OTLP specification. A document that breaks it is answered 400 and noted in
`faults`.
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import wait_until

# SpanFlags: "sampled" of traceparent; it is known whether the parent is remote; it is.
SAMPLED, KNOWN, REMOTE = 0x01, 0x100, 0x200
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
VALUES = {"stringValue": str, "intValue": str, "boolValue": bool}


class Malformed(Exception):
    """Why a document is not what the protocol says."""


def check(condition, what):
    if not condition:
        raise Malformed(what)


def members(value, required, optional=()):
    check(isinstance(value, dict), f"no object: {value}")
    check(set(required) <= set(value), f"{value} lacks {set(required) - set(value)}")
    unknown = set(value) - set(required) - set(optional)
    check(not unknown, f"{value} has unknown members {unknown}")


def identifier(text, digits):
    check(isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", text), f"no id: {text}")
    check(set(text) != {"0"}, "an id of zeros")


def number(text):
    check(isinstance(text, str) and re.fullmatch(r"-?\d+", text), f"no 64-bit number: {text!r}")
    return int(text)


def flags(value):
    check(isinstance(value, int) and value in (SAMPLED | KNOWN, SAMPLED | KNOWN | REMOTE),
          f"flags {value}")  # fmt: skip


def attributes(values):
    """The attributes as a dictionary."""
    check(isinstance(values, list), f"no list: {values}")
    found = {}
    for attribute in values:
        members(attribute, ["key", "value"])
        members(attribute["value"], [], VALUES)
        check(len(attribute["value"]) == 1, f"not one value: {attribute}")
        (kind, value), = attribute["value"].items()
        check(isinstance(value, VALUES[kind]), f"{kind} is {value!r}")
        name = attribute["key"]
        check(re.fullmatch(r"[a-z][a-z0-9_.]*", name), f"name of an attribute: {name!r}")
        check(name not in found, f"{name} twice")
        found[name] = number(value) if kind == "intValue" else value
    return found


class Span:
    """A span of a document that keeps to the form."""

    def __init__(self, document, resource):
        members(
            document,
            ["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"],
            ["parentSpanId", "flags", "attributes", "links", "status"],
        )
        self.resource = resource
        self.trace, self.id = document["traceId"], document["spanId"]
        identifier(self.trace, 32)
        identifier(self.id, 16)
        self.parent = document.get("parentSpanId")
        if self.parent is not None:
            identifier(self.parent, 16)
        flags(document["flags"])
        self.is_remote = bool(document["flags"] & REMOTE)
        check(self.parent or not self.is_remote, "a remote parent that is none")
        self.name = document["name"]
        check(isinstance(self.name, str) and self.name, "no name")
        self.kind = document["kind"]
        check(self.kind in range(1, 6), f"kind {self.kind}")
        self.start, self.end = (
            number(document[name]) for name in ("startTimeUnixNano", "endTimeUnixNano"))
        check(self.start <= self.end, "it ends before it starts")
        check(abs(time.time_ns() - self.end) < 300e9, "it did not end a moment ago")
        self.attributes = attributes(document.get("attributes", []))
        self.links = []
        for link in document.get("links", []):
            members(link, ["traceId", "spanId"], ["flags"])
            identifier(link["traceId"], 32)
            identifier(link["spanId"], 16)
            flags(link["flags"])
            self.links.append((link["traceId"], link["spanId"]))
        self.is_failed = "status" in document
        if self.is_failed:
            check(document["status"] == {"code": 2}, f"status {document['status']}")

    @property
    def service(self):
        return self.resource["service.name"]

    def __repr__(self):
        return f"{self.service}: {self.name} {self.trace}/{self.id} in {self.parent}"


def spans(document):
    """The spans of a document. Raises Malformed."""
    members(document, ["resourceSpans"])
    found = []
    for group in document["resourceSpans"]:
        members(group, ["resource", "scopeSpans"])
        members(group["resource"], ["attributes"])
        resource = attributes(group["resource"]["attributes"])
        for name in ("service.name", "service.version", "service.instance.id"):
            check(resource.get(name), f"the resource has no {name}")
        for scope in group["scopeSpans"]:
            members(scope, ["scope", "spans"])
            members(scope["scope"], ["name", "version"])
            check(scope["spans"], "no span")
            found += [Span(span, resource) for span in scope["spans"]]
    return found


class Collector:
    """Listens from its creation on; ends at the end of a `with` block."""

    def __init__(self):
        self.spans = []
        self.faults = []
        # What was posted, as it came.
        self.text = ""
        # The status of the next answers.
        self.status = 200
        self._lock = threading.Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = collector._take(self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, path, headers, body):
        if self.status != 200:
            return self.status
        try:
            check(path == "/v1/traces", f"path {path}")
            check(headers["Content-Type"] == "application/json", "the media type")
            found = spans(json.loads(body))
        except (Malformed, ValueError, KeyError) as fault:
            self.faults.append(f"{fault!r} in {body[:2000]}")
            return 400
        with self._lock:
            self.text += body.decode()
            self.spans += found
        return 200

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def until(self, condition, what, seconds=30):
        """Waits until the spans so far fulfil a condition."""
        wait_until(
            lambda: condition(list(self.spans)), seconds, lambda: f"no {what}; {self.spans}")

    def check_order(self):
        """Nothing was malformed, no id came twice, and each parent is known or remote."""
        if self.faults:
            raise AssertionError("\n".join(self.faults))
        known = {(span.trace, span.id): span for span in self.spans}
        if len(known) != len(self.spans):
            raise AssertionError(f"an id came twice: {self.spans}")
        for span in self.spans:
            parent = known.get((span.trace, span.parent))
            if span.parent and not parent and not span.is_remote:
                raise AssertionError(f"its parent is not known: {span}")
            # A clock that is set moves starts, but not by much in a test.
            if parent and not span.is_remote and span.start < parent.start - 1_000_000:
                raise AssertionError(f"it begins before its parent: {span}")
            for link in span.links:
                if link not in known and span.kind != CONSUMER:
                    raise AssertionError(f"it is linked to what is not known: {span}, {link}")
