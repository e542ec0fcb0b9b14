"""What is on disk: folders, and the tables of PostgreSQL."""

import os
import subprocess
from urllib.parse import urlsplit

from kvcluster import programs

SQL_SECONDS = 10
# Records of queued writes.
KEPT_TABLES = {"operations"}
COUNT = " count"
# Commits in the buckets 8 to 15 are settled: Outbox.swift. They are kept for a day.
TABLES = """\
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'entries count', count(*) FROM entries
UNION ALL SELECT 'operations count', count(*) FROM operations
UNION ALL SELECT 'outbox count', count(*) FROM outbox
UNION ALL SELECT 'outbox settled count', count(*) FROM outbox_batches WHERE bucket BETWEEN 8 AND 15
UNION ALL SELECT 'outbox batches count', count(*) FROM outbox_batches
  WHERE bucket NOT BETWEEN 8 AND 15"""


def folders(folder):
    """Bytes on disk by what they are for. Those of RabbitMQ are of all three nodes."""
    found = {"logs": used(folder / "logs"), "prometheus": used(folder / "prometheus")}
    nodes = [node / "data" for node in sorted(folder.glob("rabbitmq-*")) if node.is_dir()]
    if nodes:
        # Before it is rolled over, the log of queues grows to `raft.wal_max_size_bytes`.
        found["log of queues"] = sum(used(node, ".wal") for node in nodes)
        found["stream of changes"] = sum(used(node / "stream") for node in nodes)
        apart = found["stream of changes"] + found["log of queues"]
        found["rabbitmq, the rest"] = sum(map(used, nodes)) - apart
    found["redis"] = sum(used(node) for node in folder.glob("redis-[0-9]*"))
    data = folder / "postgres" / "data"
    if data.exists():
        found["postgres log"] = used(data.resolve() / "pg_wal")
    nodes = [node for node in folder.glob("cockroach-[0-9]*") if node.is_dir()]
    if nodes:
        found["cockroach"] = sum(map(used, nodes))
    return found


def used(folder, ending=""):
    """Bytes that the files of a folder take up. What goes away meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(ending):
                continue
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue
    return total


def tables(url):
    """Bytes by table with its indexes, and some numbers of rows; None if there is no answer."""
    parts = urlsplit(url)
    command = [
        programs.find("psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--command", TABLES,
        "--host", parts.hostname, "--port", str(parts.port), "--username", parts.username,
        "--dbname", parts.path.lstrip("/"),
    ]
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"PGPASSWORD": parts.password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SQL_SECONDS,
            check=True,
        )
        rows = (line.rpartition("|") for line in done.stdout.splitlines() if line)
        return {name: int(number) for name, _, number in rows}
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def put_together(found):
    """Tables whose rows stay as many as they are, as one figure. Those that keep rows for a day
    stay apart, and so do the numbers of rows."""
    apart = {name for name in found if name in KEPT_TABLES or name.endswith(COUNT)}
    together = {"tables": sum(size for name, size in found.items() if name not in apart)}
    return together | {name: found[name] for name in apart}
