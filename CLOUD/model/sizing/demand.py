"""What a rate of requests demands of each service: busy cores and bytes."""

from dataclasses import dataclass

from .figures import SERVICES


@dataclass(frozen=True)
class Demand:
    """The demand of the whole system, without headroom."""

    rate: float
    # By kind of request, each second.
    requests: dict
    # Busy cores by service.
    cores: dict
    entries: float
    # Bytes of one copy.
    cache_bytes: float
    database_bytes: float
    changes_bytes: float
    backlog_bytes: float
    # Each second.
    stream_bytes: float
    queued_writes: float
    zone_bytes: float


def demand(figures, rate):
    """The demand of this many requests each second."""
    load, assumed = figures.assumed["workload"], figures.assumed
    requests = {
        "get_cached": rate * load["get"] * load["hit_rate"],
        "get_missed": rate * load["get"] * (1 - load["hit_rate"]),
        "put": rate * load["put"],
        "put_queued": rate * load["put_queued"],
        "delete": rate * load["delete"],
    }
    cores = {
        service: sum(count * figures.processor_us(request, service) / 1e6
                     for request, count in requests.items())
        for service in SERVICES
    }
    cores["database"] *= assumed["database"]["processor_factor"]
    writes = requests["put"] + requests["put_queued"] + requests["delete"]
    stream = writes * figures.bytes("change_event")
    entries = rate * load["entries_per_request_per_second"]
    return Demand(
        rate=rate,
        requests=requests,
        cores=cores,
        entries=entries,
        cache_bytes=entries * load["cached_share_of_entries"] * figures.bytes("cache_entry"),
        database_bytes=(
            entries * figures.bytes("database_entry") * assumed["database"]["space_factor"]),
        changes_bytes=stream * load["hours_of_changes"] * 3600,
        backlog_bytes=(requests["put_queued"] * load["hours_of_backlog"] * 3600
                       * figures.bytes("queued_write")),
        stream_bytes=stream,
        queued_writes=requests["put_queued"],
        zone_bytes=_between_zones(figures, requests, stream),
    )


def _between_zones(figures, requests, stream):
    """Bytes a second between machines; some of them cross zones."""
    wire, copies = figures.assumed["wire_bytes"], figures.assumed["copies"]
    value = figures.bytes("key") + figures.bytes("value")
    total = sum(requests.values())
    writes = requests["put"] + requests["put_queued"] + requests["delete"]
    http = total * (wire["http"] + value)
    # Entries are not copied to the replicas.
    cache = total * (wire["cache"] + value)
    log = writes * figures.bytes("database_log_put") * (figures.assumed["database"]["copies"] - 1)
    database = (writes + requests["get_missed"]) * (wire["database"] + value) + log
    queue = (requests["put_queued"] * figures.bytes("queued_write") * (copies["queued_writes"] + 1)
             + stream * copies["change_events"])
    return http + cache + database + queue
