"""Spans of a whole process: their form, which requests have them, a collector that is away."""

import re
import socket
import time
import uuid

from conformance.calls import Case, call, in_parallel
from support.collector import INTERNAL, SERVER, Collector
from support.server import Server


def traceparent(is_sampled=True):
    """A new trace, its first span, and the field that says so."""
    trace, span = uuid.uuid4().hex, uuid.uuid4().hex[:15] + "1"
    return trace, span, {"traceparent": f"00-{trace}-{span}-0{int(is_sampled)}"}


class Traces(Case):
    def start(self, share="0", collector=None, **settings):
        self.collector = collector or Collector()
        self.addCleanup(self.collector.__exit__)
        self.server = Server(
            KV_OTLP_URL=self.collector.url, KV_OTLP_SAMPLE=share, **settings)
        self.addCleanup(self.server.stop)

    def send(self, method, target, body=None, headers=None):
        return call(method, target, body, headers, port=self.server.port)

    def metric(self, series):
        text = self.send("GET", "/metrics").body.decode()
        return float(re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)[1])

    def exported(self, count):
        self.collector.until(lambda spans: len(spans) >= count, f"{count} spans")
        self.collector.check_order()
        return self.collector.spans

    def test_a_request(self):
        """A write and a read are in the sender's trace, with their parts; nothing else is."""
        self.start()
        trace, parent, fields = traceparent()
        self.send("PUT", "/kv/unseen", "x")
        self.send("PUT", "/kv/unseen", "x", traceparent(False)[2])
        self.assert_status(self.send("PUT", "/kv/hidden%2Fkey", "hidden", fields), 201)
        self.assert_status(self.send("GET", "/kv/hidden%2Fkey", None, fields), 200)
        spans = self.exported(6)
        self.assertEqual(
            sorted(span.name for span in spans),
            ["GET /kv/{key}", "PUT /kv/{key}", "find memory", "update memory", "write batch",
             "write sqlite"],
        )  # fmt: skip
        self.assertEqual({span.trace for span in spans}, {trace})
        byname = {span.name: span for span in spans}
        for method, status in (("PUT", 201), ("GET", 200)):
            span = byname[f"{method} /kv/{{key}}"]
            self.assertEqual((span.parent, span.is_remote, span.kind), (parent, True, SERVER))
            self.assertEqual(
                span.attributes,
                {"http.request.method": method, "http.route": "/kv/{key}",
                 "http.response.status_code": status, "url.scheme": "http"},
            )  # fmt: skip
        self.assertEqual(byname["find memory"].parent, byname["GET /kv/{key}"].id)
        self.assertEqual(byname["find memory"].attributes["kv.cache.hit"], True)
        self.assertEqual(byname["write batch"].parent, byname["PUT /kv/{key}"].id)
        self.assertEqual(byname["write sqlite"].parent, byname["write batch"].id)
        self.assertEqual(byname["write sqlite"].attributes["db.system.name"], "sqlite")
        self.assertEqual(byname["write sqlite"].kind, INTERNAL)
        self.assertEqual({span.service for span in spans}, {"kv-api"})
        self.assertNotIn("hidden", self.collector.text)

    def test_every_route(self):
        """Whatever is asked, documents keep to the form and have no key, value or field."""
        self.start("1")
        document = {"data": {"key": "hidden", "value": "hidden"}}
        batch = {"atomic": True, "operations": [{"op": "put", "key": "hidden", "value": "hidden"}]}
        form = {"Content-Type": "application/json"}
        for method, target, body in (
            ("PUT", "/kv", document), ("GET", "/kv?prefix=hidden", None),
            ("GET", "/kv?prefix=hidden&count=true", None), ("POST", "/batch", batch),
            ("GET", "/kv/hidden/none", None), ("HEAD", "/kv/hidden", None),
            ("DELETE", "/kv?prefix=hidden", None), ("GET", "/hidden", None),
            ("PUT", "/kv/hidden?ttl=hidden", "x"), ("GET", "/health", None),
        ):  # fmt: skip
            self.send(method, target, body, form if isinstance(body, dict) else None)
        self.collector.until(
            lambda spans: any(span.name == "GET /health" for span in spans), "last request")
        names = {span.name for span in self.exported(10)}
        self.assertLessEqual(
            {"POST /batch", "execute sqlite", "list sqlite", "count sqlite", "read batch"}, names)
        self.assertNotIn("hidden", self.collector.text)

    def test_many_clients(self):
        """Requests that share a batch have a span of it each, linked to that of the first."""
        self.start()
        traces = [traceparent() for _ in range(40)]

        def write(number):
            for round in range(5):
                self.send("PUT", f"/kv/m{number}", str(round), traces[number][2])

        in_parallel(len(traces), write, numbered=True)
        requests = 5 * len(traces)
        self.collector.until(
            lambda spans: sum(span.name == "PUT /kv/{key}" for span in spans) == requests,
            "span of each request")
        spans = self.exported(requests)
        batches = [span for span in spans if span.name == "write batch"]
        self.assertEqual(len(batches), requests)
        self.assertEqual(
            {span.parent for span in batches},
            {span.id for span in spans if span.name == "PUT /kv/{key}"})
        commits = [span for span in spans if span.name == "write sqlite"]
        self.assertEqual(
            len(commits), sum(span.links[0] == (span.trace, span.parent) for span in batches))
        self.assertEqual(self.metric('kv_trace_spans_total{end="dropped"}'), 0)

    def test_share(self):
        """About a tenth of the requests of clients that do not trace."""
        self.start("0.1", KV_LOOPS="2")
        for number in range(600):
            self.send("GET", "/kv/none")
        self.assertEqual(self.server.stop(), 0)
        self.collector.check_order()
        roots = [span for span in self.collector.spans if span.parent is None]
        # Seven standard deviations.
        self.assertTrue(8 < len(roots) < 112, len(roots))

    def test_end(self):
        """A process that is asked to stop exports the last spans first."""
        self.start("1")
        for number in range(30):
            self.send("PUT", f"/kv/e{number}", "x")
        self.assertEqual(self.server.stop(), 0)
        self.collector.check_order()
        self.assertEqual(sum(s.name == "PUT /kv/{key}" for s in self.collector.spans), 30)

    def test_away(self):
        """A collector that fails costs no request; spans that were kept come when it is back."""
        self.start("1")
        self.collector.status = 503
        self.assert_status(self.send("PUT", "/kv/a", "x"), 201)
        end = time.monotonic() + 30
        while self.metric("kv_trace_export_failures_total") < 1:
            self.assertLess(time.monotonic(), end, "nothing was tried")
        self.collector.status = 200
        self.collector.until(
            lambda spans: any(span.name == "PUT /kv/{key}" for span in spans), "kept span")
        self.collector.check_order()
        self.assertTrue(any("collector of traces is away" in line for line in self.server.log))

    def test_silent(self):
        """A collector that takes connections and never answers holds up neither answers nor the
        end."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with Server(KV_OTLP_URL=url, KV_OTLP_SAMPLE="1") as server:
                for number in range(20):
                    answer = call("PUT", f"/kv/s{number}", "x", port=server.port)
                    self.assert_status(answer, 201)
                start = time.monotonic()
                self.assertEqual(server.stop(), 0)
                self.assertLess(time.monotonic() - start, 10)

    def test_off(self):
        """Without a collector nothing is sent, and the metrics say 0."""
        with Server(KV_OTLP_SAMPLE="1") as server:
            call("PUT", "/kv/a", "x", traceparent()[2], port=server.port)
            text = call("GET", "/metrics", port=server.port).body.decode()
            for end in ("exported", "refused", "dropped"):
                self.assertIn(f'\nkv_trace_spans_total{{end="{end}"}} 0\n', text)
