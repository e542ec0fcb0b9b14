"""A checker that can't fail is worth nothing: a kv-api behind a door that breaks a promise now and
then is found out, whichever promise it is. The same load without that finds nothing."""

import contextlib
import http.client
import http.server
import itertools
import threading
import unittest

from chaos.clients import ChaosClient, Keys
from chaos.events import KeyWatcher
from chaos.journal import Journal
from chaos.settling import Settling
from support import wait_until
from support.server import Server

# A mutant breaks its promise in one of so many requests.
EVERY = 8
OPERATIONS = 700
# How many such loads a mutant may need until it is found.
LOADS_MAX = 3


class Door(http.server.ThreadingHTTPServer):
    """Passes requests on to a server; `mutant` may answer instead."""

    daemon_threads = True

    def __init__(self, port, mutant=None):
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = port
        self.mutant = mutant
        self.count = itertools.count(1)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        """A client that has left is no error."""


class _Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise the head of an answer waits until the client has confirmed what came before.
    disable_nagle_algorithm = True

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("content-length", "connection")
        }
        request = (self.command, self.path, body or None, headers)
        mutant = self.server.mutant
        answer = None
        if mutant and next(self.server.count) % EVERY == 0:
            answer = mutant(self.forward, *request)
        self._answer(*(answer or self.forward(*request)))

    do_GET = do_PUT = do_DELETE = do_PATCH = _serve

    def forward(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def _answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


# The mutants: what they answer, or None to pass the request on unchanged.


def forget(forward, method, path, body, headers):
    """Acknowledges a PUT that is lost: it wrote another key."""
    return forward(method, path + "-lost", body, headers) if method == "PUT" else None


def write_twice(forward, method, path, body, headers):
    if method == "PUT":
        forward(method, path, body, headers)
    return None


def ignore_conditions(forward, method, path, body, headers):
    conditions = ("if-match", "if-none-match")
    kept = {name: value for name, value in headers.items() if name.lower() not in conditions}
    return forward(method, path, body, kept)


def ignore_names(forward, method, path, body, headers):
    kept = {name: one for name, one in headers.items() if name.lower() != "idempotency-key"}
    return forward(method, path, body, kept)


def revive(forward, method, path, body, headers):
    """Undoes a DELETE."""
    if method != "DELETE":
        return None
    before = forward("GET", path, None, {})
    answer = forward(method, path, body, headers)
    if before[0] == 200 and answer[0] == 204:
        forward("PUT", path, before[2], {})
    return answer


def deny(forward, method, path, body, headers):
    """Says that nothing was done, and has done it."""
    if method != "PUT":
        return None
    forward(method, path, body, headers)
    return 503, {}, b'{"type":"/docs#unavailable"}'


def promise(forward, method, path, body, headers):
    """Answers 202, and forgets."""
    if method != "PUT":
        return None
    return 202, {"Location": "/operations/01890a5d-ac96-774b-bcce-b302099a8057"}, b"{}"


class Old:
    """Answers a read with what an earlier one has found."""

    def __init__(self, is_fresh):
        self._is_fresh = is_fresh
        self._answers = {}

    def __call__(self, forward, method, path, body, headers):
        if method != "GET" or ("Cache-Control" in headers) != self._is_fresh:
            return None
        answer = forward(method, path, body, headers)
        return self._answers.setdefault(path, answer)


class Deaf(KeyWatcher):
    """A watcher that misses an event now and then, or gets it after the next one."""

    def __init__(self, *words, is_late=False):
        super().__init__(*words)
        self._is_late = is_late
        self._held = []

    def take(self, kind, data):
        if (self.count + len(self._held)) % EVERY == EVERY - 1 and not self._held:
            self._held.append((kind, data))
            return
        super().take(kind, data)
        if self._held and self._is_late and self._held[0][1]["key"] == data["key"]:
            super().take(*self._held.pop())
        elif self._held and not self._is_late:
            self._held.clear()


class Mutants(unittest.TestCase):
    def load(self, mutant=None, watcher=None):
        """The promises that were found broken under a short load, and how many events were out of
        order."""
        journal = Journal(lambda line: None)
        keys = Keys("mutant")
        with Server() as server, Door(server.port, mutant) as door:
            watchers = [watcher or KeyWatcher("watcher", [server.port], "mutant")]
            watchers[0].ports = [server.port]
            # What a mutant has lost does not come, however long one waits.
            seconds = 3 if mutant or watcher else 30
            settling = Settling(journal, [server.port], keys, watchers, seconds)
            with watchers[0]:
                wait_until(watchers[0].has_begun.is_set, 10, "watcher")
                running = [
                    ChaosClient(f"c{number}", [door.port], keys, journal, 1, 0.001)
                    for number in range(4)
                ]
                for client in running:
                    client.start()
                wait_until(
                    lambda: sum(journal.statuses.values()) > OPERATIONS or journal.errors, 60,
                    lambda: f"load: {journal.statuses}")
                for client in running:
                    client.stop()
                for client in running:
                    client.join()
                found, _ = settling.check(keys.renew())
            door.shutdown()
        self.assertEqual(journal.errors, [])
        return {violation.promise for violation in found + journal.violations}, watchers[0].late

    def assertFound(self, mutant, *promises):
        broken = set()
        # What breaks it may not happen within one short load on a machine that does much else.
        for _ in range(LOADS_MAX):
            broken |= self.load(mutant)[0]
            if broken & set(promises):
                return
        self.fail(f"found: {broken}")

    def test_none(self):
        """Without a mutant, every promise is kept."""
        broken, _ = self.load()
        self.assertEqual(broken, set())

    def test_forgotten(self):
        self.assertFound(forget, "lost", "linearizable")

    def test_old_read_of_the_database(self):
        self.assertFound(Old(is_fresh=True), "linearizable", "lost")

    def test_old_read_of_the_cache(self):
        self.assertFound(Old(is_fresh=False), "stale")

    def test_written_twice(self):
        self.assertFound(write_twice, "counted", "linearizable")

    def test_conditions_ignored(self):
        self.assertFound(ignore_conditions, "linearizable", "counted")

    def test_names_ignored(self):
        self.assertFound(ignore_names, "idempotent")

    def test_revived(self):
        self.assertFound(revive, "linearizable", "counted", "one revision")

    def test_denied(self):
        self.assertFound(deny, "unwritten", "counted", "linearizable")

    def test_promised(self):
        self.assertFound(promise, "decided")

    def test_events_missed(self):
        broken, _ = self.load(watcher=Deaf("watcher", [1], "mutant"))
        self.assertEqual(broken, {"seen"})

    def test_events_out_of_order(self):
        broken, late = self.load(watcher=Deaf("watcher", [1], "mutant", is_late=True))
        self.assertGreater(late, 0)
