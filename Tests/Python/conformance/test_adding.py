"""Additions that are repeated, or made by a batch."""

from conformance.calls import Case, call, in_parallel, kv

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


class Idempotency(Case):
    def test_replayed(self):
        """With an Idempotency-Key, an addition counts once; the first answer comes again."""
        key = f'"{self.prefix}1"'
        first = self.assert_status(self.patch("n", {"add": 5}, idempotency_key=key), 201)
        self.assertNotIn("Idempotency-Replayed", first.headers)
        self.patch("n", {"add": 100})
        again = self.assert_status(self.patch("n", {"add": 5}, idempotency_key=key), 201)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        self.assertEqual(again.json, first.json)
        self.assertEqual(again.headers["ETag"], first.headers["ETag"])
        self.assertEqual(self.get("n").body, b"105")

    def test_members(self):
        """An answer to a change of expiry or type comes again as it was."""
        self.put("m")
        key = f'"{self.prefix}m"'
        document = {"ttl": 500, "content_type": "a/b"}
        first = self.patch("m", document, idempotency_key=key)
        self.patch("m", {"ttl": None, "content_type": "c/d"})
        again = self.patch("m", document, idempotency_key=key)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        self.assertEqual((again.status, again.json), (200, first.json))
        self.assertEqual(self.get("m").headers["Content-Type"], "c/d")

    def test_mismatch(self):
        """The key with another request is refused: 422."""
        key = f'"{self.prefix}x"'
        self.patch("x", {"add": 1}, idempotency_key=key)
        for name, document, fields in (
            ("x", {"add": 2}, {}), ("x", {}, {}), ("y", {"add": 1}, {}),
            ("x", {"add": 1, "ttl": 5}, {}), ("x", {"add": 1}, {"if_match": "*"}),
        ):
            with self.subTest(name=name, document=document, fields=fields):
                answer = self.patch(name, document, idempotency_key=key, **fields)
                self.assert_problem(answer, 422, "idempotency-mismatch")
        put = call("PUT", kv(self.key("x")), '{"add": 1}', {"Idempotency-Key": key})
        self.assert_problem(put, 422, "idempotency-mismatch")
        self.assertEqual(self.get("x").body, b"1")

    def test_at_once(self):
        """Of many equal requests at once, one counts; the others get its answer or 409."""
        key = f'"{self.prefix}once"'
        answers = []
        in_parallel(
            12, lambda: answers.append(self.patch("o", {"add": 1}, idempotency_key=key)))
        self.assertLessEqual({a.status for a in answers}, {201, 409}, answers)
        self.assertEqual({a.json["value"] for a in answers if a.status == 201}, {1})
        self.assertEqual(self.patch("o", {"add": 1}, idempotency_key=key).status, 201)
        self.assertEqual(self.get("o").body, b"1")

    def test_malformed(self):
        """A malformed Idempotency-Key is named, and nothing is counted."""
        for text in ("", '"', '"a', '""', "x" * 256):
            answer = self.patch("bad", {"add": 1}, idempotency_key=text)
            self.assert_problem(answer, 400, naming="idempotency-key")
        self.assertEqual(self.get("bad").status, 404)


class Batch(Case):
    def add(self, name, amount, **members):
        return {"op": "add", "key": self.key(name), "amount": amount} | members

    def test_results(self):
        """`add` in a batch answers with its sum, in the order of the operations."""
        self.put("b", "10")
        answer = self.batch([
            self.add("a", 2), self.add("a", -5), self.add("b", 1),
            {"op": "get", "key": self.key("a")},
            {"op": "put", "key": self.key("b"), "value": "7"}, self.add("b", 1),
            {"op": "delete", "key": self.key("b")}, self.add("b", 3),
        ])
        results = self.assert_status(answer, 200).json["results"]
        self.assertEqual([r["status"] for r in results], [201, 200, 200, 200, 200, 200, 204, 201])
        sums = [r.get("value") for r in results]
        self.assertEqual(sums, [2, -3, 11, "-3", None, 8, None, 3])
        self.assertEqual([results[n]["version"] for n in (0, 1, 2, 5, 7)], [1, 2, 2, 4, 1])
        self.assertGreater(results[1]["revision"], results[0]["revision"])
        self.assertEqual((self.get("a").body, self.get("b").body), (b"-3", b"3"))
        self.assertEqual(self.get("b").revision, int(results[7]["revision"]))

    def test_members(self):
        """ttl, content_type, if_match and if_none_match of an `add`."""
        answer = self.batch([
            self.add("m", 1, ttl=60, content_type="text/x-n", if_none_match="*"),
            self.add("m", 1, if_none_match="*"), self.add("m", 1, if_match="1"),
            self.add("m", 1, if_match="*"), self.add("none", 1, if_match="*"),
        ])
        results = self.assert_status(answer, 200).json["results"]
        self.assertEqual([r["status"] for r in results], [201, 412, 412, 200, 412])
        stored = self.get("m")
        self.assertEqual((stored.body, stored.headers["Content-Type"]), (b"2", "text/x-n"))
        self.assertIn("Expires", stored.headers)
        self.assertEqual(self.get("none").status, 404)

    def test_refused_alone(self):
        """An addition that can't be made fails alone."""
        self.put("text", "abc")
        self.put("full", str(INT64_MAX))
        results = self.batch(
            [self.add("text", 1), self.add("ok", 1), self.add("full", 1)]).json["results"]
        self.assertEqual([r["status"] for r in results], [409, 201, 409])
        for result, kind in ((results[0], "not-an-integer"), (results[2], "integer-overflow")):
            problem = result.get("problem", result)
            self.check_problem(problem, 409, kind)
        self.assertEqual(self.get("full").body, str(INT64_MAX).encode())

    def test_atomic(self):
        """An atomic batch with an addition that can't be made has no effect."""
        self.put("text", "abc")
        self.put("n", "1")
        answer = self.batch(
            [self.add("n", 1), {"op": "put", "key": self.key("p"), "value": "1"},
             self.add("text", 1)], atomic=True)
        problem = self.assert_problem(answer, 409, "not-an-integer")
        self.assertEqual(problem["index"], 2)
        answer = self.batch([self.add("n", 1), self.add("n", 5, if_match="7")], atomic=True)
        self.assertEqual(self.assert_problem(answer, 412)["index"], 1)
        answer = self.batch([self.add("n", INT64_MAX), self.add("n", -1)], atomic=True)
        self.assertEqual(self.assert_problem(answer, 409, "integer-overflow")["index"], 0)
        self.assertEqual((self.get("n").body, self.get("p").status), (b"1", 404))
        answer = self.batch([self.add("n", 1), self.add("n", 2)], atomic=True)
        self.assertEqual([r["value"] for r in answer.json["results"]], [2, 4])
        self.assertEqual(self.get("n").body, b"4")

    def test_malformed(self):
        """A malformed addition is a 400 that names it; an atomic batch is refused as a whole."""
        bad = [
            ({"op": "add", "key": self.key("k")}, "amount"),
            *((self.add("k", amount), "amount")
              for amount in (None, "1", 1.5, True, [], INT64_MAX + 1, INT64_MIN - 1)),
            (self.add("k", 1, value="1"), "value"), (self.add("k", 1, add=1), "add"),
            (self.add("k", 1, ttl=0), "ttl"), (self.add("k", 1, ttl="9"), "ttl"),
            (self.add("k", 1, content_type=5), "content_type"),
            (self.add("k", 1, if_match=5), "if_match"),
            ({"op": "add", "amount": 1}, "key"), ({"op": "add", "key": "", "amount": 1}, None),
            ({"op": "ADD", "key": self.key("k"), "amount": 1}, "op"),
            ({"op": "put", "key": self.key("k"), "value": "1", "amount": 1}, "amount"),
        ]
        for operation, name in bad:
            with self.subTest(operation):
                operations = [self.add("ok", 1), operation]
                answer = self.batch(operations, atomic=True)
                problem = self.assert_problem(answer, 400, naming=name)
                self.assertEqual(problem["index"], 1)
                results = self.assert_status(self.batch(operations), 200).json["results"]
                self.assertEqual(results[1]["status"], 400)
                self.check_problem(results[1].get("problem", results[1]), 400, naming=name)
        self.assertEqual(self.get("k").status, 404)
        self.assertEqual(self.get("ok").body, str(len(bad)).encode())

    def test_idempotent(self):
        """A batch with an Idempotency-Key counts once."""
        for atomic in (False, True):
            key = f'"{self.prefix}{atomic}"'
            operations = [self.add(f"i{atomic}", 1), self.add(f"i{atomic}", 2)]
            first = self.batch(operations, atomic, idempotency_key=key)
            again = self.batch(operations, atomic, idempotency_key=key)
            self.assertEqual(again.headers["Idempotency-Replayed"], "true")
            self.assertEqual(again.json, first.json)
            self.assertEqual([r["value"] for r in again.json["results"]], [1, 3])
            self.assertEqual(self.get(f"i{atomic}").body, b"3")

    def test_concurrently(self):
        """Additions of batches and of PATCH to the same keys all count."""

        def work(number):
            for _ in range(10):
                operations = [self.add("s", 1), self.add(f"o{number}", 1), self.add("s", 2)]
                self.assertEqual(self.batch(operations, atomic=number % 2 == 0).status, 200)
                self.assertIn(self.patch("s", {"add": 1}).status, (200, 201))

        in_parallel(8, work, numbered=True)
        self.assertEqual(self.get("s").body, b"320")
