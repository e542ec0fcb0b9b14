"""Nginx's configuration: paths, retries, and its own errors. It is the real Nginx with test servers
behind it."""

import json
import threading
import time

from cluster import clusters
from cluster.nginx_case import NginxCase
from cluster.upstream import ANSWER, Upstream
from support import wait_until


class Nginx(NginxCase):
    def test_paths_reach_kv_api_unchanged(self):
        first, second = self.upstreams()
        targets = [
            "/kv/a//b",
            "/kv//",
            "/kv/a%2Fb%2f",
            "/kv/a/../b/./c",
            "/kv/a/..",
            "/kv/%2e%2E/x",
            "/kv/a+b%20c?ttl=60",
            "/kv/../metrics",
            "/kv/%E2%82%AC",
            "/kv/a?prefix=%2F..%2F&b=//",
            "/kv/a;b=c,d!$'()*@:",
            "/kv/../watch",
            "/kv/" + "k" * 3072,
        ]
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            for target in targets:
                with self.subTest(method=method, target=target[:40]):
                    response, _ = self.ask(method, target)
                    self.assertEqual(response.status, 200)
                    seen = first.requests + second.requests
                    self.assertIn(f"{method} {target} HTTP/1.1", [head[0] for head in seen])

    def test_every_route_of_clients_is_open(self):
        first, second = self.upstreams()
        requests = [
            ("GET", "/"),
            ("GET", "/whoami"),
            ("GET", "/kv?count=true&prefix=a"),
            ("GET", "/kv?prefix=a/&delimiter=/&reverse=true"),
            ("DELETE", "/kv?prefix=a/&limit=10"),
            ("PATCH", "/kv/a"),
            ("POST", "/batch"),
            ("OPTIONS", "/kv/a"),
            ("OPTIONS", "/watch"),
            ("HEAD", "/watch"),
        ]
        fields = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "PATCH",
            "Content-Type": "application/merge-patch+json",
        }
        for method, target in requests:
            with self.subTest(method=method, target=target):
                self.assertEqual(self.ask(method, target, b"", fields)[0].status, 200)
                head = (first.requests + second.requests)[-1]
                first.requests.clear()
                second.requests.clear()
                self.assertEqual(head[0], f"{method} {target} HTTP/1.1")
                for name, value in fields.items():
                    self.assertIn(f"{name}: {value}", head)

    def test_metrics_are_closed(self):
        first, second = self.upstreams()
        for target in ("/metrics", "/metrics?x=1", f"http://127.0.0.1:{self.port}/metrics"):
            for method in ("GET", "HEAD", "PUT"):
                with self.subTest(target=target, method=method):
                    response, body = self.ask(method, target)
                    self.assertEqual(response.status, 404)
                    if method == "GET":
                        self.assert_problem(response, body, 404, "unknown-path")
        self.assertEqual(first.requests + second.requests, [])

    def test_fields_of_one_hop_are_not_passed_on(self):
        first, second = self.upstreams()
        fields = {"X-Request-Id": "abc-1", "Connection": "close", "Prefer": "return=minimal"}
        self.ask("GET", "/kv/a", fields=fields)
        (head,) = first.requests + second.requests
        self.assertIn("X-Request-Id: abc-1", head)
        self.assertIn(f"Host: 127.0.0.1:{self.port}", head)
        self.assertIn("Prefer: return=minimal", head)
        self.assertIn("X-Forwarded-For: 127.0.0.1", head)
        self.assertFalse([line for line in head if line.lower().startswith("connection:")])

    def test_http_1_0_needs_no_host(self):
        first, second = self.upstreams()
        answer = clusters.raw_exchange(self.port, b"GET /health/ready HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:100])
        (head,) = first.requests + second.requests
        self.assertIn("Host: localhost", head)

    def test_an_expectation_is_met_by_nginx_or_left_to_kv_api(self):
        first, second = self.upstreams()
        for sent, passed in [("100-Continue", []), ("miracles", ["Expect: miracles"])]:
            self.ask("PUT", "/kv/a", b"v", {"Expect": sent})
            head = (first.requests + second.requests)[-1]
            first.requests.clear()
            second.requests.clear()
            self.assertEqual([line for line in head if line.startswith("Expect")], passed)

    def test_a_request_id_that_kv_api_would_not_accept_is_replaced(self):
        first, second = self.upstreams()
        self.ask("GET", "/kv/a", fields={"X-Request-Id": 'a "b"'})
        (head,) = first.requests + second.requests
        (line,) = [line for line in head if line.startswith("X-Request-Id: ")]
        self.assertRegex(line, "^X-Request-Id: [0-9a-f]{32}$")

    def test_connections_to_kv_api_are_used_again(self):
        first, second = self.upstreams()
        for _ in range(40):
            self.assertEqual(self.ask("GET", "/kv/a")[0].status, 200)
        self.assertEqual(len(first.requests) + len(second.requests), 40)
        # Each worker of Nginx has its own connections to each server.
        self.assertLess(first.connections + second.connections, 20)

    def test_a_read_goes_to_the_other_server_when_one_dies_on_it(self):
        dying = self.upstream(1, is_answering=False)
        living = self.upstream(2)
        for _ in range(6):
            self.assertEqual(self.ask("GET", "/kv/a")[0].status, 200)
        self.assertGreater(len(dying.requests), 0)
        self.assertEqual(len(living.requests), 6)

    def test_a_write_that_was_sent_is_never_sent_again(self):
        for method, fields in [
            ("PUT", {}),
            ("PUT", {"Prefer": "respond-async, wait=5"}),
            ("DELETE", {}),
            ("POST", {}),
            ("PATCH", {}),
            ("PATCH", {"Idempotency-Key": "k"}),
        ]:
            with self.subTest(method=method, fields=fields):
                self.setUp()
                servers = [Upstream(self.cluster.ports.api(1), "1", is_answering=False)]
                servers.append(Upstream(self.cluster.ports.api(2), "2", is_answering=False))
                try:
                    # A key that Nginx would normalise to the path of another route.
                    response, body = self.ask(method, "/kv/../watch", b"value", fields)
                    self.assert_problem(response, body, 503, "outcome-unknown")
                    self.assertEqual(response.headers["Retry-After"], "1")
                    self.assertEqual(sum(len(server.requests) for server in servers), 1)
                finally:
                    for server in servers:
                        server.close()

    def test_a_write_goes_to_the_other_server_when_one_is_down(self):
        living = self.upstream(2)
        for method in ("PUT", "DELETE", "POST", "PATCH"):
            # The first server is down; every second request would go there.
            for _ in range(4):
                response, _ = self.ask(method, "/kv/a%2F..//b", b"v" * 100_000)
                self.assertEqual(response.status, 200)
        self.assertEqual(len(living.requests), 16)
        self.assertEqual({head[0].split()[1] for head in living.requests}, {"/kv/a%2F..//b"})

    def test_without_any_server_the_answer_says_when_to_try_again(self):
        for method in ("GET", "PUT", "DELETE", "POST", "PATCH"):
            for _ in range(3):
                with self.subTest(method=method):
                    response, body = self.ask(method, "/kv/a", b"value")
                    self.assert_problem(response, body, 503, "unavailable")
                    self.assertEqual(response.headers["Retry-After"], "1")
                    # The text has to be true of a read as well.
                    self.assertNotIn(b"written", body)

    def test_a_write_with_an_idempotency_key_gets_the_time_to_find_its_outcome(self):
        # kv-api takes up to 15 s, and the time of a last try.
        self.upstreams(answer=lambda c: (time.sleep(12), c.sendall(ANSWER % b"late")))
        answers = []

        def ask(method, fields):
            answers.append(self.ask(method, "/kv/a", b"v", fields)[0].status)

        named = {"Idempotency-Key": "k"}
        both = named | {"Prefer": "return=minimal"}
        cases = [("PUT", named), ("POST", both), ("DELETE", named), ("PATCH", named)]
        threads = [threading.Thread(target=ask, args=case) for case in cases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * len(cases))

    def test_too_large_a_body_is_refused_before_it_is_sent(self):
        head = f"PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: {(8 << 20) + 1}\r\n"
        answer = clusters.raw_exchange(
            self.port, (head + "Connection: close\r\nExpect: 100-continue\r\n\r\n").encode()
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer[:100])
        self.assertIn(b"application/problem+json", answer)
        self.assertIn(b"/docs#content-too-large", answer)

    def test_the_largest_body_passes(self):
        self.upstreams()
        self.assertEqual(self.ask("POST", "/batch", bytes(8 << 20))[0].status, 200)

    def test_what_nginx_refuses_itself_is_a_problem_document(self):
        requests = {
            b"GET /kv/a b HTTP/1.1\r\nHost: a\r\n\r\n": (400, "malformed-request"),
            b"GET /kv/%zz HTTP/1.1\r\nHost: a\r\n\r\n": (400, "malformed-request"),
            b"GET /kv/../../a HTTP/1.1\r\nHost: a\r\n\r\n": (400, "malformed-request"),
            b"GET /kv/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n": (414, "uri-too-long"),
            b"GET /kv/a HTTP/1.1\r\nHost: a\r\nX: "
            + b"a" * 20_000
            + b"\r\n\r\n": (431, "header-too-large"),
            b"PUT /kv/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n": (
                501,
                "not-implemented",
            ),
            b"GET /kv/a HTTP/2.0\r\nHost: a\r\n\r\n": (505, "version-not-supported"),
            b"TRACE /kv/a HTTP/1.1\r\nHost: a\r\n\r\n": (405, "method-not-allowed"),
            b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n": (400, "malformed-request"),
            b"GET /kv/a HTTP/1.1\r\n\r\n": (400, "malformed-request"),
        }
        for data, (status, name) in requests.items():
            with self.subTest(data=data[:30]):
                answer = clusters.raw_exchange(self.port, data)
                self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:200])
                self.assertIn(b"application/problem+json", answer)
                self.assertIn(b"/docs#" + name.encode(), answer)

    def test_the_log_has_the_method_of_failed_requests(self):
        methods = {"PUT", "DELETE", "POST", "GET", "PATCH"}
        for method in methods:
            answer = self.ask(method, "/kv/a", b"v", {"X-Request-Id": f"failed-{method}"})
            self.assertEqual(answer[0].status, 503)
        access = self.cluster.folder / "logs" / "nginx-access.log"

        def logged():
            lines = [json.loads(line) for line in access.read_text().splitlines()]
            return {line["request_id"]: line["method"] for line in lines}

        wanted = {f"failed-{method}": method for method in methods}
        wait_until(lambda: wanted.keys() <= logged().keys(), 30, "lines of all five")
        self.assertEqual({name: logged()[name] for name in wanted}, wanted)

    def test_logs_contain_no_keys(self):
        fields = {"X-Request-Id": "in-the-log"}
        self.ask("GET", "/kv/secret-key?x=secret-query", fields=fields)
        self.upstreams()
        self.ask("GET", "/kv/secret-key?x=secret-query", fields=fields)
        access = self.cluster.folder / "logs" / "nginx-access.log"
        wait_until(lambda: access.read_text().count("in-the-log") == 2, 30, "both lines")
        for log in (access, self.cluster.folder.log("nginx")):
            self.assertNotIn("secret", log.read_text())
