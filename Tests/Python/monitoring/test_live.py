"""Every expression of dashboards, alerts and rules, evaluated by the Prometheus of a cluster."""

import os
import re
import tempfile
import time
import unittest
from pathlib import Path

import pytest

import support
from kvcluster import Cluster, probes
from monitoring import elsewhere, files
from monitoring.queries import Prometheus, QueryError
from monitoring.traffic import Traffic
from support import ROOT, wait_until

# There are two, so that everything works without this one.
VICTIM = "kv-worker-2"
# Alerts that become true when nodes stop.
OF_COCKROACHDB = (
    "KVDatabaseNodeDown",
    "KVDatabaseQuorumLost",
    "KVDatabaseRangesUnderReplicated",
    "KVDatabaseRequestsStuck",
)
# More than the 30 s after which a missing process is an alert.
PATIENCE_SECONDS = 90


class Live(unittest.TestCase):
    """One cluster with traffic for all tests."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="kv-monitoring-", ignore_cleanup_errors=True)
        )
        # PostgreSQL's user has to get in.
        os.chmod(folder, 0o755)
        base = int(os.environ.get("KV_TEST_BASE", "23200"))
        cls.cluster = Cluster(
            Path(folder) / "cluster", base, support.BINARIES, database=support.DATABASE,
            **cls.autoscaler(),
        )
        cls.addClassCleanup(cls.cluster.down, purge=True)
        cls.cluster.up()
        cls.is_missing = staticmethod(elsewhere.missing_series(cls.cluster))
        cls.prometheus = Prometheus(cls.cluster.ports.prometheus)
        ports = cls.cluster.ports
        cls.traffic = cls.enterClassContext(Traffic(ports.nginx, ports.api(1)))
        # Counters do not show growth before the first scrape.
        cls.wait_for_values(['count(up{job="kv-api"} == 1) == 2'])
        cls.break_something()
        cls.wait_until_measured()

    @staticmethod
    def autoscaler():
        """Options for a cluster with kv-autoscaler. It decides, but may not change the number of
        replicas, as the tests change the cluster themselves."""
        if not (ROOT / "Sources" / "KeyValueAutoscaler").is_dir():
            return {}
        os.environ.update(KV_AUTOSCALER_API_MAX="2", KV_AUTOSCALER_WORKER_MAX="2")
        return {"has_autoscaler": True}

    @classmethod
    def break_something(cls):
        """Causes server errors, an old queued write, and an alert, which must have values as
        well."""
        cls.cluster.pause(["database"])
        try:
            cls.traffic.request("PUT", "/kv/monitoring/late", "x", {"Prefer": "respond-async"})
            # Refused, or of unknown outcome.
            refused = {"If-Match": '"1"', "Prefer": "handling=strict"}
            status = cls.traffic.request("PUT", "/kv/monitoring/never", "x", refused)
            assert status == 503, status
            cls.held_seconds = max(map(cls.oldest_held, cls.cluster.of_kind("kv-worker")))
        finally:
            cls.cluster.resume(["database"])
        cls.cluster.kill([VICTIM])

    @staticmethod
    def oldest_held(worker):
        """The age of the oldest write that a worker can't apply."""
        _, text = probes.http_get(worker.port, "/metrics")
        return float(re.search(r"^kv_worker_oldest_held_seconds (\S+)$", text, re.MULTILINE)[1])

    @classmethod
    def wait_until_measured(cls):
        """Waits until all metrics have been scraped twice, and rules evaluated."""
        wanted = [
            'ALERTS{alertname="KVReplicaDown",alertstate="firing"}',
            'job:kv_http_requests_failed:ratio_rate5m{job="kv-api"} > 0',
            # The first scrapes failed during the start.
            "min(count_over_time(up[30s])) > 4",
        ]
        if cls.cluster.of_kind("kv-autoscaler"):
            wanted.append('kv_autoscaler_metric_replicas{metric="backlog"}')
        cls.wait_for_values(wanted)

    @classmethod
    def wait_for_values(cls, wanted):
        """Waits until all of these expressions have values."""
        end = time.monotonic() + PATIENCE_SECONDS
        while missing := [text for text in wanted if not cls.prometheus.values(text)]:
            if time.monotonic() > end:
                raise AssertionError(
                    f"not measured within {PATIENCE_SECONDS} s: {missing}; "
                    f"targets: {cls.prometheus.targets()}; traffic: {cls.traffic.statuses}"
                )
            time.sleep(1)

    # Checks.

    def has_values(self, expression):
        """None if it has values, else the problem."""
        try:
            return None if self.prometheus.has_values(expression) else "it has no values"
        except QueryError as error:
            return str(error)

    def check(self, where, expression, is_whole=True):
        """Checks that an expression and all of its selectors have values. The expression of an
        alert has none as a whole while it does not fire."""
        parts = files.selectors(expression)
        self.assertTrue(parts, f"{where}: there is no metric in {expression}")
        present = [part for part in parts if not self.is_missing(part)]
        for part in present:
            with self.subTest(where=where, selector=part):
                self.assertIsNone(self.has_values(part), part)
        with self.subTest(where=where, expression=expression):
            if is_whole and present == parts:
                self.assertIsNone(self.has_values(expression), expression)
            else:
                # Prometheus must still be able to parse it.
                self.prometheus.values(expression)

    def test_everything_is_scraped(self):
        jobs = {job for job, _, _ in self.prometheus.targets()}
        known = {"kv-api", "kv-worker", "rabbitmq", "rabbitmq-queues", "redis", "sentinel", "node"}
        optional = {kind for kind in ("kv-autoscaler",) if self.cluster.of_kind(kind)}
        if self.cluster.database == "cockroach":
            optional.add("cockroachdb")
        self.assertLessEqual(known | {"prometheus"} | optional, jobs)
        down = [
            (job, name, health)
            for job, name, health in self.prometheus.targets()
            if health != "up" and name != VICTIM
        ]
        self.assertEqual(down, [])

    def test_dashboards(self):
        for name, dashboard in files.dashboards().items():
            for panel in files.panels(dashboard):
                for target in panel["targets"]:
                    where = f"{name}: {panel['title']}: {target['legendFormat']}"
                    self.check(where, files.filled_in(target["expr"]))

    def test_legends_name_existing_labels(self):
        for name, dashboard in files.dashboards().items():
            for panel in files.panels(dashboard):
                for target in panel["targets"]:
                    expression = files.filled_in(target["expr"])
                    labels = files.labels(target["legendFormat"])
                    if any(map(self.is_missing, files.selectors(expression))):
                        continue
                    for found, _ in self.prometheus.values(expression):
                        with self.subTest(panel=f"{name}: {panel['title']}"):
                            if panel["type"] != "table":
                                self.assertLessEqual(labels, found.keys(), expression)

    def test_a_write_that_could_not_be_applied_had_an_age_until_then(self):
        """At least the deadline of a statement."""
        self.assertGreater(self.held_seconds, 1)
        for worker in self.cluster.members("kv-worker"):
            if worker.is_alive:
                self.assertLess(self.oldest_held(worker), 1)

    def test_variables(self):
        for name, dashboard in files.dashboards().items():
            for variable in files.variables(dashboard):
                selector, label = files.label_values(variable["query"]["query"])
                if self.is_missing(selector):
                    continue
                with self.subTest(dashboard=name, variable=variable["name"]):
                    series = files.filled_in(selector)
                    found = self.prometheus.values(f"count by ({label}) ({series})")
                    self.assertTrue(all(metric.get(label) for metric, _ in found))
                    self.assertTrue(found)

    def test_annotations(self):
        for name, dashboard in files.dashboards().items():
            for annotation in dashboard["annotations"]["list"]:
                if "expr" in annotation:
                    self.check(f"{name}: {annotation['name']}", annotation["expr"])

    def test_recording_rules(self):
        rules = self.prometheus.rules("record")
        self.assertGreater(len(rules), 0)
        for rule in rules:
            self.check(rule["name"], rule["query"])
            with self.subTest(rule=rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                self.assertIsNone(self.has_values(rule["name"]))

    def test_alerts(self):
        rules = self.prometheus.rules("alert")
        self.assertGreater(len(rules), 0)
        for rule in rules:
            self.check(rule["name"], rule["query"], is_whole=False)
            with self.subTest(rule=rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))

    def test_only_the_killed_process_is_reported(self):
        alerts = {
            (alert["labels"]["alertname"], alert["labels"].get("instance"))
            for alert in self.prometheus.get("alerts")["alerts"]
            if alert["state"] == "firing"
        }
        self.assertIn(("KVReplicaDown", VICTIM), alerts)
        # The errors that the tests cause are reported if the tests take long enough.
        self.assertLessEqual(alerts, {("KVReplicaDown", VICTIM), ("KVErrorRateHigh", None)})

    @pytest.mark.only_on("postgres")
    def test_there_are_no_metrics_of_cockroachdb(self):
        """So that its alerts do not fire because a metric is missing."""
        for name in elsewhere.COCKROACHDB:
            self.assertEqual(self.prometheus.values(name), [], name)

    def alert(self, name):
        """The values of an alert's expression, without its duration."""
        (rule,) = [rule for rule in self.prometheus.rules("alert") if rule["name"] == name]
        return [value for _, value in self.prometheus.values(rule["query"])]

    def is_database_well(self):
        """Whether no alert about CockroachDB is true."""
        return not any(map(self.alert, OF_COCKROACHDB))

    def tell(self):
        return f"alerts { {name: self.alert(name) for name in OF_COCKROACHDB} }"

    # Its name makes it the last test: the others need all nodes.
    @pytest.mark.only_on("cockroach")
    def test_when_nodes_of_the_database_die_alerts_become_true(self):
        wait_until(self.is_database_well, PATIENCE_SECONDS, self.tell)
        self.cluster.kill(["cockroach-3"])
        wait_until(
            lambda: self.alert("KVDatabaseNodeDown") == [1]
            and self.alert("KVDatabaseRangesUnderReplicated")
            and not self.alert("KVDatabaseQuorumLost"),
            PATIENCE_SECONDS,
            self.tell,
        )
        self.cluster.pause(["cockroach-2"])
        try:
            wait_until(
                lambda: self.alert("KVDatabaseQuorumLost")
                and self.alert("KVDatabaseRequestsStuck"),
                PATIENCE_SECONDS,
                self.tell,
            )
        finally:
            self.cluster.resume(["cockroach-2"])
        self.cluster.start(["cockroach-3"])
        wait_until(self.is_database_well, PATIENCE_SECONDS, self.tell)
