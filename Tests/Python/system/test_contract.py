"""The HTTP contract on a cluster: the cases of the conformance suite, on any of its nodes."""

import unittest

from conformance import (
    server, test_adding, test_deletion, test_lists, test_pages, test_patch, test_watch,
    test_watchers,
)
from system import running


class Contract(running.Case):
    def hold(self, module, taking=None):
        server.use(self.cluster.nodes, taking)
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
        self.assertGreater(result.testsRun, 0)
        failures = result.errors + result.failures
        self.assertEqual(failures, [], "\n\n".join(f"{case}\n{text}" for case, text in failures))

    def test_patch(self):
        self.hold(test_patch)

    def test_adding(self):
        self.hold(test_adding)

    def test_deletion(self):
        self.hold(test_deletion)

    def test_lists(self):
        self.hold(test_lists)

    def test_watch(self):
        # The order of events is that of one node's answers; watchers are on both.
        self.hold(test_watch, self.cluster.nodes[:1])

    def test_watchers(self):
        self.hold(test_watchers)

    def test_pages(self):
        self.hold(test_pages)
