\set number random(1, :rows)
SELECT value, content_type, revision, version, created_at, updated_at, expires_at
FROM entries WHERE key = :number;
