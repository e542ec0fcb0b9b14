"""The processes of each service, as /proc shows them."""

import json
import os

from kvcluster import processes

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Their processes share memory of a fixed size, which fills for a long time and does not count; nor
# does each page of a program in each process: the proportional set size. The others have one
# process that matters, and count with their resident set size.
SHARING = {"postgres", "nginx"}


def kind_of(name):
    """`kv-api` of `kv-api-2`."""
    head, _, tail = name.rpartition("-")
    return head if head and tail.isdigit() else name


def sample(folder):
    """Figures by service, of those that are alive, and the names of those that have ended without
    being stopped."""
    everything = processes.everything()
    by_pid = {process.pid: process for process in everything}
    with open("/proc/uptime", encoding="ascii") as file:
        now = float(file.read().split()[0])
    alive, ended = {}, set()
    for record in sorted((folder / "run").glob("*.json")):
        try:
            written = json.loads(record.read_text())
        except (OSError, ValueError):
            continue
        found = by_pid.get(written["pid"])
        if found is None or found.started != written["started"] or not found.is_alive:
            if record.exists():
                ended.add(record.stem)
            continue
        family = _family(found, everything)
        alive[record.stem] = _figures(record.stem, found, family, now)
    return alive, ended


def _family(leader, everything):
    """A service's processes: those of its session, and its children, such as PostgreSQL's
    backends."""
    return [
        process
        for process in everything
        if leader.pid in (process.pid, process.session, process.parent) and process.is_alive
    ]


def _figures(name, leader, family, now):
    is_sharing = kind_of(name) in SHARING
    found = {
        "pid": leader.pid,
        "age": round(now - leader.started / TICKS, 1),
        "memory": 0,
        "descriptors": 0,
        "threads": 0,
        "cpu": 0.0,
    }
    for process in family:
        found["memory"] += _memory(process.pid, is_sharing)
        found["descriptors"] += _count(f"/proc/{process.pid}/fd")
        found["threads"] += _count(f"/proc/{process.pid}/task")
    # A parent has the time of its children that have ended.
    found["cpu"] = round(
        (leader.used + sum(one.used_itself for one in family if one is not leader)) / TICKS, 2
    )
    return found


def _memory(pid, is_sharing):
    """Bytes; 0 if the process has ended meanwhile."""
    try:
        if is_sharing:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as file:
                sizes = dict(line.split()[:2] for line in file if line.startswith("Pss"))
            return (int(sizes["Pss:"]) - int(sizes.get("Pss_Shmem:", 0))) * 1024
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, LookupError):
        return 0


def _count(folder):
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0
