"""Byte strings that two servers could read differently, made from a seed.

Each one is a request with a body, a second request behind it, and a last one that closes the
connection. The body contains a whole request of its own, which nobody may ever answer. All three
store a value under a key of their own, `WAY/NUMBER/MARK`, and have an id of their own,
`WAY-NUMBER-MARK`: way `d` goes to kv-api directly and `n` through Nginx, the marks are `1`, `2`,
and `b` in the body.
"""

import random
from dataclasses import dataclass

FIRST, SECOND, INNER = "1", "2", "b"

LENGTHS = [
    "Content-Length: {0}", "content-length:{0}", "Content-Length:  {0}  ", "Content-Length: 00{0}",
    "Content-Length : {0}", "Content-Length\t: {0}", " Content-Length: {0}", "Content-Length:",
    "Content-Length: +{0}", "Content-Length: -{0}", "Content-Length: 0x{0:x}",
    "Content-Length: {0}.0", "Content-Length: {0}e0", "Content-Length: {0},{0}",
    "Content-Length: {0}, {1}", "Content-Length: {0} {1}", 'Content-Length: "{0}"',
    "Content-Length: {0};a=b", "Content-Length: {0}_0", "Content-Length: 99999999999999999999",
    "Content-Length: {2}", "Content_Length: {0}", "Content-Length\xff: {0}",
    "Content-Length: {0}\r\n 0", "X-A: b\r\n Content-Length: {0}", "Content-Length:\r\n {0}",
    "Content-Length: {0}\nX-A: b", "X-A: b\nContent-Length: {0}", "Content-Length: {0}\rX-A: b",
    "X-A: b\rContent-Length: {0}", "Content-Length: {0}\0", "Content-Length: \0{0}",
    "Content-Len\0gth: {0}", "Content-Length: \x0b{0}", "Content-Length: \xa0{0}",
    "Content-Length: {0}\x7f", "Content-Length {0}", "X: Content-Length: {0}",
]

CODINGS = [
    "Transfer-Encoding: chunked", "transfer-encoding:CHUNKED", "Transfer-Encoding: Chunked ",
    "Transfer-Encoding:\tchunked", "Transfer-Encoding : chunked", "Transfer-Encoding\t:chunked",
    " Transfer-Encoding: chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: ,chunked", "Transfer-Encoding:",
    "Transfer-Encoding: chunked;q=1", 'Transfer-Encoding: "chunked"', "Transfer_Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "X-A: b\r\n Transfer-Encoding: chunked",
    "Transfer-Encoding:\n chunked", "X-A: b\nTransfer-Encoding: chunked",
    "X-A: b\rTransfer-Encoding: chunked", "Transfer-Encoding: chunked\rX-A: b",
    "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: \0chunked",
    "Transfer-Encoding\0: chunked",
    "Transfer-Encoding: chunked\0", "Transfer-Encoding: \xffchunked", "Transfer Encoding: chunked",
    "Transfer-Encoding chunked",
]

OTHERS = [
    "Expect: 100-continue", "Expect: 100-Continue", "Expect: more", "Connection: close",
    "Connection: keep-alive", "Connection: close, keep-alive", "Connection: Content-Length",
    "Connection: Transfer-Encoding, Host", "Connection: Upgrade\r\nUpgrade: h2c",
    "Connection: Upgrade\r\nUpgrade: websocket", "Proxy-Connection: keep-alive", "TE: trailers",
    "Trailer: Content-Length", "Host: other", "Host: a b", "Host:", "X_Under: a", "X-A : b", "X-A",
    ": b", "X-A: b\r\n\tc", "X-A: \0", "X-A: b\n", "X-A: \r", "X\xe9: b", "X(): b",
    "X-A: " + "y" * 300,
    "X-HTTP-Method-Override: GET", "Content-Encoding: gzip", "Range: bytes=0-1", "If-Match: *",
]

LINES = [
    "PUT {path} HTTP/1.0", "PUT {path} HTTP/1.2", "PUT {path} HTTP/2.0", "PUT {path} HTTP/1.10",
    "PUT {path} http/1.1", "PUT {path} HTTP/1.1 ", "PUT  {path} HTTP/1.1", "PUT {path}  HTTP/1.1",
    "PUT\t{path} HTTP/1.1", "PUT {path}\tHTTP/1.1", " PUT {path} HTTP/1.1", "PUT {path}",
    "put {path} HTTP/1.1", "GET {path} HTTP/1.1", "HEAD {path} HTTP/1.1", "POST {path} HTTP/1.1",
    "DELETE {path} HTTP/1.1", "TRACE {path} HTTP/1.1", "PUT http://localhost{path} HTTP/1.1",
    "PUT http://other:80{path} HTTP/1.1", "PUT https://localhost{path} HTTP/1.1",
    "PUT localhost{path} HTTP/1.1", "PUT {path}?ttl=60 HTTP/1.1", "PUT {path}#a HTTP/1.1",
    "PUT {path}? HTTP/1.1", "PUT {path}%00 HTTP/1.1", "PUT {path}\0 HTTP/1.1",
    "PUT {path}\r HTTP/1.1", "PUT {path}\xff HTTP/1.1", "PUT /kv/{path} HTTP/1.1",
    "PUT /kv/./{tail} HTTP/1.1", "PUT /kv/x/../{tail} HTTP/1.1", "PUT /kv/%2e%2E/{tail} HTTP/1.1",
    "PUT /kv//{tail} HTTP/1.1", "PUT /kv/a%2F{tail} HTTP/1.1", "PUT /kv/a%2f%2F{tail}// HTTP/1.1",
    "PUT /kv/../{tail} HTTP/1.1", "PUT /kv/../../{tail} HTTP/1.1", "PUT {path}/.. HTTP/1.1",
    "PUT {path}%0d%0aX:%20y HTTP/1.1", "PUT /kv/a\\{tail} HTTP/1.1", "\r\nPUT {path} HTTP/1.1",
    "\nPUT {path} HTTP/1.1", "\r\n\r\n\r\nPUT {path} HTTP/1.1", "\rPUT {path} HTTP/1.1",
]

SIZES = [
    "{0:X}", "0{0:x}", "000000000000000000{0:x}", "{0:x};a=b", '{0:x};a="b;c"', "{0:x};", "{0:x} ",
    " {0:x}", "{0:x} ;a", "{0:x}\t", "+{0:x}", "-{0:x}", "0x{0:x}", "{0:x}h", "{0:x}_0", "",
    "1{0:016x}", "ffffffffffffffff", "{0:x};a\nb", "{0:x};a\rb", "{0:x};\0", "{0:x},", "{0}",
    '{0:x};a="\r\n"', "{0:x}\0", "{0:x};" + "a" * 200,
]

ENDS = ["\n", "\r", "\r\r\n", "\n\r", "", " \r\n", "\r\n\r\n", "X\r\n"]

TRAILERS = [
    "X-A: b\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Host: other\r\n",
    "X-A : b\r\n", "X-A: b\r\n c\r\n", "X-A: b\n", "X-A\r\n", "\0\r\n", "X-A: b\r\n" * 30,
]

# What random edits write.
BYTES = b"\r\n\0 \t:,;0159afxX_-+/\\\"%\x0b\x7f\x80\xff"


@dataclass
class Case:
    number: int
    bytes: bytes
    # Where the bytes are sent in two parts; 0: in one.
    cut: int = 0

    def on(self, way):
        """The bytes for a way; all have the same length."""
        return self.bytes.replace(b"@", way.encode())


def mark(number, which):
    return f"@-{number}-{which}"


def tail(number, which):
    return f"@/{number}/{which}"


def plain(number, which):
    """A request that nothing is wrong with."""
    return (
        f"PUT /kv/{tail(number, which)} HTTP/1.1\r\nX-Request-Id: {mark(number, which)}\r\n"
        f"Host: localhost\r\nContent-Length: 1\r\n\r\n{which}"
    )


LAST = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Mutations:
    """All cases of a seed. The number of a case is its place, so that one can be made again."""

    def __init__(self, seed):
        self.seed = seed

    def case(self, number):
        self.random = random.Random(f"{self.seed}/{number}")
        self.number = number
        first, boundaries = self._first()
        data = (first + plain(number, SECOND) + LAST).encode("latin-1")
        if self._chance(0.2):
            data = self._edited(data, len(first))
        cut = self.random.choice([*boundaries, len(first) // 2]) if self._chance(0.3) else 0
        return Case(number, data, cut)

    def _chance(self, probability):
        return self.random.random() < probability

    def _first(self):
        """The first request, and places in it where what follows may be taken for another one."""
        content = self._content()
        is_chunked = self._chance(0.5)
        body = self._chunks(content) if is_chunked else content
        path = f"/kv/{tail(self.number, FIRST)}"
        line = f"PUT {path} HTTP/1.1"
        if self._chance(0.12):
            line = self.random.choice(LINES).format(path=path, tail=tail(self.number, FIRST))
        fields = self._framing(body, content, is_chunked)
        if self._chance(0.97):
            fields.append("Host: localhost")
        while self._chance(0.15):
            fields.append(self.random.choice(OTHERS))
        self.random.shuffle(fields)
        head = "\r\n".join([line, f"X-Request-Id: {mark(self.number, FIRST)}", *fields])
        head += "\r\n\r\n"
        return head + body, [len(head), len(head) + body.find("PUT")]

    def _content(self):
        """A body with a whole request in it, at a place where one could begin."""
        before = self.random.choice(
            ["", "", "x", "x" * 7, "\r\n", "0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n"]
        )
        after = self.random.choice(["", "", "\r\n", "0\r\n\r\n", "\r\n0\r\n\r\n", "y"])
        return before + plain(self.number, INNER) + after

    def _framing(self, body, content, is_chunked):
        """Fields that say, or seem to say, how long the body is."""
        wrong = [0, 1, len(body) + 3, content.find("PUT"), body.find("PUT"), len(content)]

        def length(of):
            other = self.random.choice(wrong)
            text = self.random.choice(LENGTHS) if self._chance(0.35) else LENGTHS[0]
            return text.format(of, other, 2**64 + of)

        def coding():
            return self.random.choice(CODINGS) if self._chance(0.35) else CODINGS[0]

        fields = [coding() if is_chunked else length(len(body))]
        if self._chance(0.15):
            fields.append(length(self.random.choice([len(body), *wrong])))
        if self._chance(0.12):
            fields.append(coding())
        if self._chance(0.03):
            fields.clear()
        return fields

    def _chunks(self, content):
        """The body in chunks, whose frame may be broken."""
        is_broken = self._chance(0.3)
        cut = self.random.choice([0, 0, 1, len(content) // 2])
        text = ""
        for part in [content[:cut], content[cut:]]:
            if not part:
                continue
            size, end, behind = f"{len(part):x}", "\r\n", "\r\n"
            if is_broken and self._chance(0.5):
                size = self.random.choice(SIZES).format(len(part))
            if is_broken and self._chance(0.25):
                end = self.random.choice(ENDS)
            if is_broken and self._chance(0.25):
                behind = self.random.choice(ENDS)
            text += size + end + part + behind
        trailers = self.random.choice(TRAILERS) if self._chance(0.2) else ""
        zero = self.random.choice(SIZES).format(0) if is_broken and self._chance(0.2) else "0"
        last = self.random.choice(ENDS) if is_broken and self._chance(0.2) else "\r\n"
        return text + zero + "\r\n" + trailers + last

    def _edited(self, data, end):
        """A few bytes changed, but not those that tell the requests apart."""
        for _ in range(self.random.randint(1, 3)):
            place = self.random.randrange(end)
            byte = bytes([self.random.choice(BYTES)])
            kind = self.random.choice(["insert", "replace", "remove", "double"])
            removed = 0 if kind in ("insert", "double") else 1
            added = {"remove": b"", "double": data[place : place + 1]}.get(kind, byte)
            if not self._is_marked(data, place, removed):
                data = data[:place] + added + data[place + removed :]
        return data

    def _is_marked(self, data, place, removed):
        marks = [t(self.number, m) for t in (mark, tail) for m in (FIRST, SECOND, INNER)]
        marks += [f"X-Request-Id: {mark(self.number, m)}\r\n" for m in (FIRST, SECOND, INNER)]
        for text in marks:
            start = data.find(text.encode())
            while start >= 0:
                if start < place + removed and place < start + len(text):
                    return True
                start = data.find(text.encode(), start + 1)
        return False
