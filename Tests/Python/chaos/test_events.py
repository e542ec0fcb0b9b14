"""What a watcher has to see of a key."""

import unittest

from chaos import checks
from chaos.events import KeyWatcher, missing
from chaos.planting import Planted


class Events(unittest.TestCase):
    def setUp(self):
        plant = Planted()
        plant.put(1, 2, 1, revision=10, version=1)
        plant.open_put(3, 2)
        plant.delete(5, 6)
        plant.put(7, 8, 3, revision=14, version=1)
        self.known = checks.resolve(plant.operations)
        self.changes = {
            10: ("put", 1), 11: ("put", 2), 12: ("delete", 0), 14: ("put", 1),
        }

    def lacks(self, revision):
        del self.changes[revision]
        return missing(self.known, self.changes)

    def test_complete(self):
        self.assertIsNone(missing(self.known, self.changes))

    def test_acknowledged(self):
        self.assertIn("revision 14", self.lacks(14))

    def test_nobody_was_told(self):
        """A change is missing whose outcome no client knows: the versions show it."""
        plant = Planted()
        plant.put(1, 2, 1, revision=10, version=1)
        plant.open_put(3, 2)
        plant.put(5, 6, 3, revision=12, version=3)
        changes = {10: ("put", 1), 12: ("put", 3)}
        self.assertIn("version 3", missing(checks.resolve(plant.operations), changes))

    def test_deleted(self):
        self.assertIn("1 of 1 deletes", self.lacks(12))

    def test_no_change(self):
        self.assertIn("revision 10", missing(self.known, {}))


class Order(unittest.TestCase):
    def test_counted(self):
        """Only what comes for the first time after a newer change is out of order."""
        watcher = KeyWatcher("w", [1], "")
        for revision in (10, 11, 10, 11, 13, 12, 13, 12):
            watcher.take("put", {"key": "k", "revision": revision, "version": 1})
        self.assertEqual((watcher.late, watcher.count), (1, 8))
        self.assertEqual(sorted(watcher.changes("k")), [10, 11, 12, 13])
        watcher.forget("k")
        self.assertEqual(watcher.changes("k"), {})

    def test_gone(self):
        watcher = KeyWatcher("w", [1], "")
        watcher.refusals += [(503, "not now"), (410, "gone")]
        self.assertEqual(watcher.gone(), ["gone"])
