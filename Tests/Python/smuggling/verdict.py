"""Compares what a server did with what the senders are entitled to."""

import re

from smuggling.cases import INNER, SECOND
from smuggling.reading import MARK, Reader
from smuggling.sending import exchange

ID = re.compile(rb"X-Request-Id: ([dn]-\d+-[12b])\r\n")
FINAL = re.compile(rb"HTTP/1\.1 [2-5]\d\d ")


class Trial:
    """All cases on one way. `breaches` says what was wrong, in order."""

    def __init__(self, way, mutations):
        self.way = way
        self.mutations = mutations
        self.breaches = []
        # How many senders got an answer to both requests, and how many to none but a refusal.
        self.both = self.refused = 0
        self._reader = Reader()

    def run(self, port, numbers):
        """Sends the cases, and looks at the answers."""
        exchange(port, map(self.mutations.case, numbers), self.way, self._answered)

    def _answered(self, case, received):
        answers = len(FINAL.findall(received))
        entitled = self._reader.requests(case.on(self.way))
        if answers > len(entitled) + 1:
            self._breach(case.number, f"{answers} answers to {len(entitled)} requests")
        own = f"{self.way}-{case.number}-".encode()
        for identity in ID.findall(received):
            if not identity.startswith(own):
                self._breach(case.number, f"got the answer to {identity.decode()}")
        if f"X-Request-Id: {self.way}-{case.number}-{SECOND}".encode() in received:
            self.both += 1
        elif answers < 2:
            self.refused += 1

    def judge(self, entries, logged=None):
        """Looks at what was stored: key, value and version of each entry. `logged` are the ids of
        the requests that Nginx has seen."""
        for key, value, version in entries:
            found = MARK.search(key)
            if not found or found[1].decode() != self.way:
                continue
            number, mark = int(found[2]), found[3].decode()
            data = self.mutations.case(number).on(self.way)
            requests = [one for one in self._reader.requests(data) if one.mark == mark]
            if version != 1:
                self._breach(number, f"request {mark} was carried out {version} times")
            if not requests:
                what = "the body was read as a request" if mark == INNER else "nobody is sure of it"
                self._breach(number, f"request {mark} was carried out: {what}")
            elif all((key, value) != (one.key, one.body) for one in requests):
                self._breach(number, f"request {mark} stored {value!r} under {key!r}")
            elif logged is not None and not any(self._is_in(logged, one) for one in requests):
                self._breach(number, f"request {mark} was no request to Nginx")

    @staticmethod
    def _is_in(logged, request):
        """Whether Nginx has seen the request. An edit may have changed the name of the field with
        its id: then Nginx has made one."""
        identity = request.identity.decode("latin-1")
        return identity in logged or not re.fullmatch(r"[dn]-\d+-[12b]", identity)

    def _breach(self, number, what):
        data = self.mutations.case(number).on(self.way)
        self.breaches.append(f"case {number}: {what}\n    {data!r}")
