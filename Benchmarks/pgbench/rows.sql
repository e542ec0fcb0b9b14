-- The rows for reads that miss the cache, as if they had just been PUT. Times are microseconds. A key
-- is a number, so that pgbench can pass it as a parameter.
INSERT INTO entries (key, value, content_type, revision, version, created_at, updated_at)
SELECT number::text::bytea, repeat('v', 100)::bytea, 'text/plain', time, 1, time, time
FROM generate_series(1, :rows) AS number,
  (SELECT (extract(epoch FROM now()) * 1000000)::int8 AS time) AS clock
ON CONFLICT (key) DO NOTHING;

-- The same shape for pgbench's own upserts.
DROP TABLE IF EXISTS bench_entries;
CREATE TABLE bench_entries (LIKE entries INCLUDING ALL);
\if :has_vacuum
VACUUM entries;
\endif
ANALYZE entries;
