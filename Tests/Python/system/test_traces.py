"""One trace from a client through the queue to the worker that applies the write."""

import uuid

from support.collector import CLIENT, CONSUMER, PRODUCER, SERVER, Collector
from system import extra, running


class Traces(running.Case):
    def setUp(self):
        super().setUp()
        # What is queued is applied by the worker of the test.
        self.addCleanup(self.cluster.command, "start", "kv-worker")
        self.cluster.command("stop", "kv-worker")
        self.collector = Collector()
        self.addCleanup(self.collector.__exit__)
        self.settings = {"KV_OTLP_URL": self.collector.url, "KV_OTLP_SAMPLE": "0"}
        self.system = {"postgres": "postgresql", "cockroach": "cockroachdb"}[self.cluster.database]

    def test_a_queued_write_is_one_trace(self):
        trace, parent = uuid.uuid4().hex, "00f067aa0ba902b7"
        with (
            extra.node(self.cluster, **self.settings) as node,
            extra.worker(self.cluster, **self.settings),
        ):
            answer = node.put(
                self.key("hidden"), "hidden", Prefer="respond-async",
                traceparent=f"00-{trace}-{parent}-01")
            self.assertEqual(answer.status, 202, answer)
            node.put(self.key("other"), "x", Prefer="respond-async")
            self.collector.until(
                lambda spans: any(span.name == "apply" for span in spans), "applied write")
        self.collector.check_order()
        self.assertEqual({span.trace for span in self.collector.spans}, {trace})
        self.assertNotIn("hidden", self.collector.text)
        spans = {span.name: span for span in self.collector.spans}
        request = spans["PUT /kv/{key}"]
        self.assertEqual((request.parent, request.kind), (parent, SERVER))
        self.assertEqual(request.attributes["http.response.status_code"], 202)
        sent = spans["send kv.writes"]
        self.assertEqual((sent.parent, sent.kind, sent.service), (request.id, PRODUCER, "kv-api"))
        applied = spans["apply"]
        self.assertEqual(
            (applied.parent, applied.is_remote, applied.kind, applied.service),
            (sent.id, True, CONSUMER, "kv-worker"))
        self.assertIn((trace, sent.id), applied.links)
        self.assertEqual(applied.attributes["messaging.system"], "rabbitmq")
        transaction = spans[f"apply {self.system}"]
        self.assertEqual((transaction.parent, transaction.kind), (applied.id, CLIENT))
        self.assertEqual(transaction.attributes["db.system.name"], self.system)
        self.assertEqual(spans["update redis"].parent, applied.id)

    def test_writes_that_are_applied_together_are_linked(self):
        """Each has a span in its own trace; one of them is the transaction's, and names all."""
        traces = {uuid.uuid4().hex: number for number in range(30)}
        with extra.node(self.cluster, **self.settings) as node:
            for trace, number in traces.items():
                answer = node.put(
                    self.key(str(number)), "x", Prefer="respond-async",
                    traceparent=f"00-{trace}-00f067aa0ba902b7-01")
                self.assertEqual(answer.status, 202, answer)
            with extra.worker(self.cluster, **self.settings):
                self.collector.until(
                    lambda spans: sum(span.name == "apply" for span in spans) == len(traces),
                    "span of each write")
        self.collector.check_order()
        applied = [span for span in self.collector.spans if span.name == "apply"]
        self.assertEqual({span.trace for span in applied}, set(traces))
        first = [span for span in applied if (span.trace, span.parent) in span.links]
        self.assertLess(len(first), len(traces), "nothing was applied together")
        linked = [link for span in first for link in span.links]
        sent = {(s.trace, s.id) for s in self.collector.spans if s.name == "send kv.writes"}
        self.assertEqual((len(linked), set(linked)), (len(traces), sent))
        for span in applied:
            if span not in first:
                self.assertIn(span.links, [[(one.trace, one.id)] for one in first])

    def test_reads_and_writes_of_a_cluster(self):
        """Their parts name Redis and the database."""
        trace = uuid.uuid4().hex
        fields = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        with extra.node(self.cluster, **self.settings) as node:
            self.assertEqual(node.put(self.key("a"), "x", **fields).status, 201)
            self.assertEqual(node.get(self.key("a"), **fields).status, 200)
            fresh = node.get(self.key("a"), Cache_Control="no-cache", **fields)
            self.assertEqual(fresh.status, 200)
            wanted = {
                "PUT /kv/{key}", "GET /kv/{key}", "write batch", f"write {self.system}",
                "update redis", "find redis", "read batch", f"read {self.system}",
            }  # fmt: skip
            self.collector.until(
                lambda spans: wanted <= {span.name for span in spans}, f"{wanted}")
        self.collector.check_order()
        for span in self.collector.spans:
            if span.name.endswith(("redis", self.system)):
                self.assertEqual(span.kind, CLIENT)
