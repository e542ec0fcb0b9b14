"""GET /watch: every committed change as a Server-Sent Event, and where a stream begins."""

import base64
import http.client
import re
import time

from conformance import server
from conformance.calls import call, in_parallel, kv, query
from conformance.stream import Watch
from conformance.watching import History, Stream, wait_until


class Events(Stream):
    def test_head(self):
        """The stream is named as one, and nothing on the way may store or hold it back."""
        watch = self.watch()
        self.assertEqual(watch.status, 200)
        self.assertEqual(watch.headers["Content-Type"].split(";")[0], "text/event-stream")
        self.assertEqual(watch.headers["Cache-Control"], "no-store")
        self.assertEqual(watch.headers["X-Accel-Buffering"], "no")
        self.assertIn("X-Request-Id", watch.headers)
        self.assertTrue(watch.begin())
        self.assertEqual(watch.retry, 2_000)
        self.assertGreaterEqual(len(watch.comments), 1)

    def test_kinds(self):
        """Puts of all kinds and deletions come with their metadata, those of a key in their
        order."""
        watch = self.begun()
        answers = [self.put("k", "1"), self.put("k", "22", content_type="a/b")]
        answers.append(self.patch("k", {"content_type": "text/plain", "ttl": 1_000}))
        answers.append(self.patch("n", {"add": 7}))
        batch = self.batch([{"op": "put", "key": self.key("b"), "value": "x"},
                            {"op": "add", "key": self.key("n"), "amount": 1}])
        self.batch([{"op": "delete", "key": self.key("b")}])
        results = batch.json["results"]
        events = {name: [] for name in "knb"}
        for event in watch.take(7):
            events[event.key[-1]].append(event)
        self.assertEqual(
            {name: [e.kind for e in found] for name, found in events.items()},
            {"k": ["put"] * 3, "n": ["put"] * 2, "b": ["put", "delete"]})
        for event, answer in zip(events["k"] + events["n"], answers):
            self.assertEqual(event.data, {m: v for m, v in answer.json.items() if m != "value"})
        created, deleted = events["b"]
        self.assertEqual([e.data["revision"] for e in (created, events["n"][1])],
                         [r["revision"] for r in results[:2]])
        self.assertEqual(set(deleted.data), {"key", "revision"})
        self.assertGreater(deleted.data["revision"], created.data["revision"])
        call("DELETE", kv(self.key("k")))
        call("DELETE", query("/kv", prefix=self.prefix))
        self.assertEqual(
            {(e.kind, e.key) for e in watch.take(2)},
            {("delete", self.key("k")), ("delete", self.key("n"))})

    def test_no_change(self):
        """What changes nothing is no event."""
        watch = self.begun()
        call("DELETE", kv(self.key("none")))
        call("PUT", kv(self.key("none")), "x", {"If-Match": "*"})
        self.patch("none", {"ttl": 5})
        self.put("text", "abc")
        self.patch("text", {"add": 1})
        self.get("text")
        self.put("end")
        self.assertEqual([e.key for e in watch.take(2)], [self.key("text"), self.key("end")])

    def test_expiry(self):
        """An expiry is an event within ten seconds of it."""
        watch = self.begun()
        put = call("PUT", kv(self.key("short")) + "?ttl=1", "v").json
        start = time.monotonic()
        self.assertEqual(watch.next().kind, "put")
        event = watch.next()
        self.assertEqual((event.kind, event.key), ("expire", self.key("short")))
        self.assertEqual(set(event.data), {"key", "revision"})
        self.assertGreater(event.data["revision"], put["revision"])
        self.assertLess(time.monotonic() - start, 11.5)

    def test_values(self):
        """`values=true` adds the value of an entry, as text or Base64."""
        watch = self.begun(values="true")
        large = "ü" * 100_000
        self.put("t", "text\n\r\n\"data: x\u2028")
        self.put("b", b"\xff\x00\r\n")
        self.put("e", "")
        self.put("l", large)
        self.patch("n", {"add": 5})
        events = watch.take(5)
        self.patch("t", {"ttl": 500})
        events += watch.take(1)
        call("DELETE", kv(self.key("t")))
        events += watch.take(1)
        self.assertEqual(events[0].data.get("value"), "text\n\r\n\"data: x\u2028")
        self.assertEqual(base64.b64decode(events[1].data["value_base64"]), b"\xff\x00\r\n")
        self.assertEqual(events[2].data["value"], "")
        self.assertEqual(events[3].data["value"], large)
        self.assertEqual(events[4].data["value"], "5")
        self.assertEqual(set(events[6].data), {"key", "revision"})
        without = self.begun(values="false")
        self.put("t", "v")
        self.assertNotIn("value", without.next().data)

    def test_values_are_current(self):
        """A value that comes with an event is that of its revision, never another's."""
        watch = self.begun(values="true")
        for number in range(300):
            self.put("k", f"value {number}")
        events = watch.until(lambda e: e.data.get("value") == "value 299")
        first = events[0].data["version"]
        self.assertEqual([e.data["version"] for e in events], list(range(first, 301)))
        for event in events:
            if "value" in event.data:
                self.assertEqual(event.data["value"], f"value {event.data['version'] - 1}")

    def test_prefix(self):
        """Only keys under the prefix come, whatever characters it has."""
        for prefix in ("a/", "%", "ü😀", "a+ b", "a&prefix=", "\U0010ffff"):
            with self.subTest(prefix=prefix):
                watch = self.begun(prefix=self.key(prefix))
                self.put("other")
                self.put(prefix[:-1] + "0")
                self.put(prefix + "1")
                self.put(prefix)
                keys = [e.key for e in watch.take(2)]
                self.assertEqual(keys, [self.key(prefix + "1"), self.key(prefix)])
                watch.close()
        everything = Watch("/watch")
        self.addCleanup(everything.close)
        everything.begin()
        self.put("all")
        everything.until(lambda e: e.key == self.key("all"))

    def test_order(self):
        """The events of one connection come in the order of its writes."""
        watch = self.begun()
        connection = http.client.HTTPConnection("127.0.0.1", server.port(), timeout=60)
        self.addCleanup(connection.close)
        for number in range(200):
            method = "DELETE" if number % 10 == 9 else "PUT"
            call(method, kv(self.key("k")), str(number), connection=connection)
        events = watch.take(200)
        revisions = [e.data["revision"] for e in events]
        self.assertEqual(revisions, sorted(set(revisions)))
        self.assertEqual([e.kind for e in events], (["put"] * 9 + ["delete"]) * 20)

    def test_writers(self):
        """Under writers of all kinds at once, no change is missed."""
        watch = self.begun()

        def write(number):
            for turn in range(60):
                name = f"{(number + turn) % 7}"
                if turn % 10 == 9:
                    call("DELETE", kv(self.key(name)))
                elif turn % 3 == 0:
                    self.patch(f"n{name}", {"add": 1})
                else:
                    self.put(name, f"{number} {turn}")

        in_parallel(6, write, numbered=True)
        self.complete(watch, History())

    def test_comments(self):
        """A comment comes at least every 15 seconds while nothing happens."""
        watch = self.begun()
        count = len(watch.comments)
        start = time.monotonic()
        wait_until(lambda: len(watch.comments) > count, "a comment", 25)
        self.assertLess(time.monotonic() - start, 18)


class Positions(Stream):
    def test_resume(self):
        """A stream goes on behind the event that is named, by either way of naming it."""
        watch = self.begun()
        for number in range(6):
            self.put(f"{number}")
        events = watch.take(6)
        for seen in (0, 2, 4):
            ways = ({"after": events[seen].id}, {"headers": {"Last-Event-ID": events[seen].id}})
            for way in ways:
                again = self.watch(**way)
                self.assertEqual(again.status, 200)
                got = again.take(5 - seen)
                self.assertEqual([e.key for e in got], [e.key for e in events[seen + 1:]])
                self.assertEqual([e.data for e in got], [e.data for e in events[seen + 1:]])
                again.close()

    def test_resume_at_start(self):
        """A stream goes on at the position that another began with."""
        start = self.begun().last_id
        self.put("a")
        self.put("b")
        again = self.watch(after=start)
        self.assertEqual([e.key for e in again.take(2)], [self.key("a"), self.key("b")])

    def test_resume_at_end(self):
        """Behind the last event, only what is new comes."""
        watch = self.begun()
        self.put("a")
        again = self.watch(after=watch.next().id)
        self.assertEqual(again.status, 200)
        again.begin()
        self.put("b")
        self.assertEqual(again.next().key, self.key("b"))

    def test_header_wins(self):
        """Last-Event-ID wins over `after`: a browser repeats the address when it reconnects."""
        watch = self.begun()
        for name in "abc":
            self.put(name)
        events = watch.take(3)
        again = self.watch({"Last-Event-ID": events[1].id}, after=events[0].id)
        self.assertEqual(again.next().key, self.key("c"))

    def test_resume_elsewhere(self):
        """A position holds for any prefix."""
        watch = self.begun(prefix=self.key("a"))
        self.put("b1")
        self.put("a1")
        position = watch.next().id
        self.put("a2")
        self.put("b2")
        again = self.watch(prefix=self.key("b"), after=position)
        self.assertEqual(again.next().key, self.key("b2"))

    def test_beyond_the_end(self):
        """A position beyond the end, as after a restore, is gone: 410."""
        position = self.begun().last_id
        beyond = re.sub(r"^\d+", lambda m: str(int(m[0]) + 10**12), position)
        self.assertNotEqual(beyond, position)
        self.assert_problem(call("GET", query("/watch", after=beyond)), 410)
        answer = call("GET", "/watch", headers={"Last-Event-ID": beyond})
        self.assert_problem(answer, 410)

    def test_malformed(self):
        """A malformed position is a 400 that names it, wherever it stands."""
        for text in ("", "x", "1", "1.", ".1", "-1.0", "1.-1", "1.0.0", "1.0 ", " 1.0", "1,0",
                     "0x1.0", "1.0x", "99999999999999999999.0", "1.99999999999999999999", "١.0",
                     "1" * 3_000, "%00", "null"):
            with self.subTest(position=text[:30]):
                answer = call("GET", query("/watch", after=text))
                self.assert_problem(answer, 400, "invalid-parameter", naming="after")
        for text in ("x", "1", "1.", ".1", "-1.0", "1.0.0", "1.0, 2.0",
                     "99999999999999999999.0", "1" * 3_000, '"1.0"'):
            with self.subTest(header=text[:30]):
                answer = call("GET", "/watch", headers={"Last-Event-ID": text})
                self.assert_problem(answer, 400, "invalid-header", naming="last-event-id")

    def test_parameters(self):
        """Unknown and malformed parameters are named."""
        for name, value in (("afer", "1.0"), ("Prefix", "a"), ("limit", "5"), ("values", "1"),
                            ("values", ""), ("values", "TRUE"), ("key", "k")):
            with self.subTest(name=name, value=value):
                answer = call("GET", query("/watch", **{name: value}))
                self.assert_problem(answer, 400, "invalid-parameter", naming=name)
        for target in ("/watch?prefix=%ff", "/watch?prefix=a&prefix=b", "/watch?prefix=%"):
            self.assert_problem(call("GET", target), 400)
