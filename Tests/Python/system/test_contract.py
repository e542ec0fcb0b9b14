"""The HTTP contract on a cluster: the cases of the conformance suite, on any of its nodes."""

import unittest

from conformance import (
    server, test_adding, test_deletion, test_lists, test_pages, test_patch,
)
from system import running


class Contract(running.Case):
    def hold(self, module):
        server.use(self.cluster.nodes)
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

    def test_pages(self):
        self.hold(test_pages)
