"""The dashboards against Grafana's own types, which are generated from its schema.

Grafana silently ignores unknown fields and unknown choices.
"""

import enum
import json
import typing
import unittest

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring import files

# Fields of Grafana's editor and of its plugin for Prometheus that are not in the schema.
BEYOND = {
    "annotations.list.tagKeys",
    "annotations.list.textFormat",
    "annotations.list.titleFormat",
    "templating.list.definition",
    # Null: Grafana assigns a number.
    "id",
}


def lost(given, kept, path=""):
    """The fields that were lost."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            place = f"{path}.{name}".lstrip(".")
            if name in kept:
                yield from lost(value, kept[name], place)
            else:
                yield place
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for one, other in zip(given, kept):
            yield from lost(one, other, path)
    elif given != kept:
        yield path


def choices(hint):
    """The enumeration in a type, also in an optional type."""
    found = [one for one in (hint, *typing.get_args(hint)) if isinstance(one, type)]
    return next((one for one in found if issubclass(one, enum.Enum)), None)


def bad_choices(value, path=""):
    """Values that are not in their enumeration."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from bad_choices(one, path)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from bad_choices(one, f"{path}.{name}")
    elif hasattr(type(value), "__annotations__") and not isinstance(value, enum.Enum):
        for name, hint in typing.get_type_hints(type(value)).items():
            one = getattr(value, name, None)
            kind = choices(hint)
            if kind and one is not None and one not in [member.value for member in kind]:
                yield f"{path}.{name}: {one}"
            else:
                yield from bad_choices(one, f"{path}.{name}")


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        plugins.register_default_plugins()

    def test_every_field_is_one_that_grafana_knows(self):
        for name, dashboard in files.dashboards().items():
            decoded = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))
            with self.subTest(dashboard=name):
                self.assertLessEqual(set(lost(dashboard, decoded)), BEYOND)

    def test_every_choice_is_one_that_grafana_offers(self):
        for name, dashboard in files.dashboards().items():
            with self.subTest(dashboard=name):
                self.assertEqual(set(bad_choices(Dashboard.from_json(dashboard))), set())

    def test_a_mistyped_field_and_an_unknown_choice_are_found(self):
        text = json.dumps(files.dashboards()["kv-overview.json"])
        for right, wrong in {
            '"legendFormat"': '"legendformat"',
            '"lineWidth"': '"lineWidht"',
            '"showPoints"': '"showpoints"',
        }.items():
            given = json.loads(text.replace(right, wrong))
            decoded = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))
            self.assertTrue(set(lost(given, decoded)) - BEYOND, wrong)
        for right, wrong in {
            '"displayMode": "table"': '"displayMode": "tabel"',
            '"showPoints": "never"': '"showPoints": "nevr"',
            '"mode": "palette-classic"': '"mode": "palette"',
            '"sort": "desc"': '"sort": "down"',
            '"colorMode": "value"': '"colorMode": "number"',
            '"refresh": 2': '"refresh": 7',
        }.items():
            given = json.loads(text.replace(right, wrong))
            self.assertTrue(list(bad_choices(Dashboard.from_json(given))), wrong)
