"""The two inputs of the model: measured figures and assumptions."""

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]
MEASURED = FOLDER / "measured.json"
ASSUMPTIONS = FOLDER / "assumptions.json"

REQUESTS = ["get_cached", "get_missed", "put", "put_queued", "delete"]
SERVICES = [
    "nginx", "kv-api", "kv-worker", "redis-master", "redis-replicas", "database", "rabbitmq",
]
BYTES = [
    "key", "value", "database_entry", "cache_entry", "database_log_put", "change_event",
    "queued_write",
]


class FiguresError(Exception):
    """A figure is missing or impossible."""


@dataclass(frozen=True)
class Figures:
    """Both files, checked."""

    measured: dict
    assumed: dict

    def processor_us(self, request, service):
        """The processor time of one request in one service."""
        return self.measured["processor_us"][request][service]

    def bytes(self, name):
        """The bytes of one entry, event or message."""
        return self.measured["bytes"][name]


def read(measured=MEASURED, assumptions=ASSUMPTIONS):
    """The figures of these files."""
    return check(_load(measured), _load(assumptions))


def check(measured, assumed):
    """Fails if a figure can't be used, and names it."""
    for name in ("machine", "conditions"):
        if not measured.get(name):
            raise FiguresError(f"measured figures without their {name}: they can't be repeated")
    for group, figures in measured.items():
        if isinstance(figures, dict) and group != "commands":
            if not measured.get("commands", {}).get(group):
                raise FiguresError(f"no command is named that measured {group}")
    for request in REQUESTS:
        for service in SERVICES:
            _number(measured.get("processor_us", {}).get(request, {}), service, request)
    for name in BYTES:
        _number(measured.get("bytes", {}), name, "bytes")
    shares = sum(assumed["workload"][name] for name in ("get", "put", "put_queued", "delete"))
    if abs(shares - 1) > 1e-9:
        raise FiguresError(f"the shares of the workload add up to {shares:g} instead of 1")
    for group, name in (
        ("workload", "hit_rate"), ("workload", "cached_share_of_entries"),
        ("headroom", "utilisation"), ("headroom", "memory_utilisation"),
        ("headroom", "disk_utilisation"),
    ):
        if not 0 < assumed[group][name] <= 1:
            raise FiguresError(f"{group}: {name} is a share, above 0 and at most 1")
    return Figures(measured, assumed)


def _number(group, name, of):
    if not isinstance(group.get(name), (int, float)) or group[name] < 0:
        raise FiguresError(f"measured figures have no {name} of {of}; CLOUD/model/measure makes it")


def _load(path):
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FiguresError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise FiguresError(f"{path} is not JSON: {error}") from None
