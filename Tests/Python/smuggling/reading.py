"""What a sender is entitled to: the requests in a byte string, as RFC 9112 has them read.

It is read with the tolerance that the RFC grants, or that does no harm, as Nginx passes on what it
has understood and not what it was sent: a line may end with LF alone (§2.2), and a field whose name
is no token, but visible, counts for nothing. What concerns the length of a body is read strictly
(§6.3): if anything about it is wrong, the request is refused, and nothing behind it is a request.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

MARK = re.compile(rb"([dn])/(\d+)/([12b])")
TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")


class Refused(Exception):
    """No request, or not one that is certain."""


@dataclass
class Request:
    method: bytes
    target: bytes
    body: bytes
    identity: bytes

    @property
    def key(self):
        """The key that it names; None: it names none. Of a target with a scheme, which may be any,
        Nginx passes the path on."""
        path = re.sub(rb"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*", b"", self.target).partition(b"?")[0]
        return unquote_to_bytes(path[4:]) if path.startswith(b"/kv/") else None

    @property
    def mark(self):
        found = MARK.search(self.key or b"")
        return found[3].decode() if found else None


class Reader:
    """Each rule is a method of its own, so that a test can break one."""

    def requests(self, data):
        """The requests of a byte string, up to what is none."""
        found = []
        try:
            while data:
                request, data = self.request(data)
                found.append(request)
        except Refused:
            pass
        return found

    def request(self, data):
        """The first request, and the bytes behind it."""
        lines, rest = self.head(data.lstrip(b"\r\n"))
        method, target, version = self.line(lines[0])
        values = {}
        for name, value in map(self.field, self.unfolded(lines[1:])):
            values.setdefault(name, []).append(value)
        body, rest = self.body(values, version, rest)
        (identity, *_) = values.get(b"x-request-id", [b""])
        return Request(method, target, body, identity), rest

    def head(self, data):
        """The lines of a head, without their ends, and the bytes behind it."""
        lines = []
        while True:
            line, end, data = data.partition(b"\n")
            if not end:
                raise Refused
            line = line.rstrip(b"\r")
            if not line:
                return lines, data
            lines.append(line)

    def line(self, line):
        found = re.fullmatch(rb"(\S+) +(\S+) +HTTP/1\.(\d+) *", line)
        if not found or re.search(rb"[\0-\x1f\x7f]", line):
            raise Refused
        return found[1], found[2], int(found[3])

    def unfolded(self, lines):
        """§5.2: a field in several lines is refused."""
        if any(line[:1] in (b" ", b"\t") for line in lines):
            raise Refused
        return lines

    def field(self, line):
        """The name in lower case, and the value. §5.1: no space before the colon."""
        name, _, value = line.partition(b":")
        if re.search(rb"[\0-\x20\x7f]", name) or re.search(rb"[\0\r]", value):
            raise Refused
        return name.lower() if TOKEN.fullmatch(name) else b"", value.strip(b" \t")

    def body(self, values, version, rest):
        lengths = values.get(b"content-length", [])
        codings = [one.lower() for one in values.get(b"transfer-encoding", [])]
        if codings:
            if self.is_chunked(lengths, codings, version):
                return self.chunks(rest)
        length = self.length(lengths) if lengths else 0
        if length > len(rest):
            raise Refused
        return rest[:length], rest[length:]

    def is_chunked(self, lengths, codings, version):
        """§6.1: a coding beside a length, or in HTTP/1.0, may be an attempt to smuggle."""
        if lengths or version == 0 or codings != [b"chunked"]:
            raise Refused
        return True

    def length(self, texts):
        if len(texts) > 1:
            raise Refused
        return self.number(texts[0])

    def number(self, text):
        if not re.fullmatch(rb"[0-9]+", text):
            raise Refused
        return int(text)

    def chunks(self, rest):
        body = b""
        while True:
            line, end, rest = rest.partition(b"\n")
            length = self.size(line) if end else None
            if length is None or length > len(rest):
                raise Refused
            if length == 0:
                return body, self.head(rest)[1]
            body, rest = body + rest[:length], rest[length:]
            if not (behind := re.match(rb"\r?\n", rest)):
                raise Refused
            rest = rest[behind.end() :]

    def size(self, line):
        """Behind the digits, Nginx takes anything for an extension. It passes no chunks on."""
        found = re.fullmatch(rb"([0-9A-Fa-f]+)([ \t;].*)?\r?", line, re.DOTALL)
        return int(found[1], 16) if found else None
