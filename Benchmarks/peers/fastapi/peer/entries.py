"""Entries: their table in CockroachDB or PostgreSQL, and how the cache holds one."""

from datetime import datetime

from pydantic import BaseModel

# The columns of kv-api's own table, and its rule that revisions always grow.
SCHEMA = """
CREATE TABLE IF NOT EXISTS peer_entries (
  key bytea PRIMARY KEY,
  value bytea,
  content_type text NOT NULL,
  revision bigint NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  expires_at timestamptz
)
"""

SELECT = """
SELECT value, content_type, revision, updated_at FROM peer_entries
WHERE key = $1 AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > now())
"""

UPSERT = """
INSERT INTO peer_entries AS old
  (key, value, content_type, revision, version, created_at, updated_at, expires_at)
VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 1, now(), now(),
  now() + $4::bigint * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
  value = excluded.value,
  content_type = excluded.content_type,
  revision = greatest(old.revision + 1, excluded.revision),
  version = CASE WHEN old.value IS NULL THEN 1 ELSE old.version + 1 END,
  created_at = CASE WHEN old.value IS NULL THEN excluded.created_at ELSE old.created_at END,
  updated_at = excluded.updated_at,
  expires_at = excluded.expires_at
RETURNING revision, version, created_at, updated_at, expires_at
"""

DELETE = """
UPDATE peer_entries SET value = NULL, revision = revision + 1, updated_at = now()
WHERE key = $1 AND value IS NOT NULL RETURNING revision
"""


class Metadata(BaseModel):
    """The answer to a PUT."""

    key: str
    revision: int
    version: int
    size: int
    content_type: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


def packed(revision: int, content_type: str, updated_at: datetime, value: bytes) -> bytes:
    """One string for each key in Redis: a line with the headers, then the value."""
    return f"{revision}\t{updated_at.timestamp()}\t{content_type}\n".encode() + value


def unpacked(data: bytes) -> tuple[int, float, str, bytes]:
    head, _, value = data.partition(b"\n")
    revision, updated_at, content_type = head.decode().split("\t")
    return int(revision), float(updated_at), content_type, value
