"""Requests that are made to be expensive to read."""

from .abuse import measured
from .floods import Bomb

HEAD_BYTES, FIELDS = 100_000, 1_000
DEPTH, DIGITS, MEMBERS = 100_000, 1_000_000, 1_000_000


class HeadBombs(Bomb):
    name = f"heads of {HEAD_BYTES // 1000} KB, and of {FIELDS:,} fields"
    expected = "431"

    def requests(self):
        start = "GET /kv/bomb HTTP/1.1\r\nHost: localhost\r\n"
        yield f"{start}X: {'x' * HEAD_BYTES}\r\n\r\n".encode()
        fields = "".join(f"X{number}: x\r\n" for number in range(FIELDS))
        yield f"{start}{fields}\r\n".encode()


class DocumentBombs(Bomb):
    name = "JSON: 100,000 levels, a number of a million digits, a million members"
    expected = "400"

    def requests(self):
        for document in documents():
            head = "POST /batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            fields = f"Content-Type: application/json\r\nContent-Length: {len(document)}\r\n"
            yield f"{head}{fields}\r\n{document}".encode()


def documents():
    yield '{"operations":' + "[" * DEPTH + "]" * DEPTH + "}"
    yield '{"operations":[' + '{"a":' * DEPTH + "1" + "}" * DEPTH + "]}"
    # An operation that is wrong makes an atomic batch wrong.
    yield '{"atomic":true,"operations":[{"op":"add","key":"k","add":' + "1" * DIGITS + "}]}"
    yield '{"operations":[{' + ",".join(['"":0'] * MEMBERS) + "}]}"
    yield '{"operations":[' + ",".join(["0"] * MEMBERS) + "]}"


MEASURES = {"heads": measured(HeadBombs), "json": measured(DocumentBombs)}
