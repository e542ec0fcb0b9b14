\set number random(1, :rows)
INSERT INTO bench_entries AS old
  (key, value, content_type, revision, version, created_at, updated_at)
VALUES (:number, repeat('v', 100)::bytea, 'text/plain', 1, 1,
  (extract(epoch FROM now()) * 1000000)::int8, (extract(epoch FROM now()) * 1000000)::int8)
ON CONFLICT (key) DO UPDATE SET
  value = excluded.value, content_type = excluded.content_type, revision = old.revision + 1,
  version = old.version + 1, updated_at = excluded.updated_at, expires_at = NULL;
