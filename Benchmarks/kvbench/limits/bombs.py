"""Requests that are made to be expensive to read."""

import itertools
import string

from .abuse import measured
from .floods import Bomb

HEAD_BYTES, FIELDS = 100_000, 1_000
DEPTH, DIGITS = 100_000, 1_000_000
# As many as fit into a batch of 8 MiB: members with distinct names, and elements of an array.
MEMBERS, ELEMENTS = 900_000, 4_000_000


class HeadBombs(Bomb):
    name = f"heads of {HEAD_BYTES // 1000} KB, and of {FIELDS:,} fields"
    expected = (431,)

    def requests(self):
        start = "GET /kv/bomb HTTP/1.1\r\nHost: localhost\r\n"
        yield f"{start}X: {'x' * HEAD_BYTES}\r\n\r\n".encode()
        fields = "".join(f"X{number}: x\r\n" for number in range(FIELDS))
        yield f"{start}{fields}\r\n".encode()


class DocumentBombs(Bomb):
    name = f"JSON of {DEPTH:,} levels, {DIGITS:,} digits, {MEMBERS:,} members"
    # 413: with so many values, it would have more operations than a batch may have.
    expected = (400, 413)

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
    letters = string.ascii_lowercase + string.digits
    names = ("".join(name) for name in itertools.product(letters, repeat=4))
    members = ",".join(f'"{name}":0' for name in itertools.islice(names, MEMBERS))
    yield '{"operations":[{' + members + "}]}"
    yield '{"operations":[],' + members + "}"
    yield '{"operations":[' + ",".join(["0"] * ELEMENTS) + "]}"


MEASURES = {"heads": measured(HeadBombs), "json": measured(DocumentBombs)}
