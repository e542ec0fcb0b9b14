#!/bin/bash
# The first start of the image postgres:…, as far as docker-compose.postgres.yml uses it.
set -euo pipefail
if [[ ! -e $PGDATA/PG_VERSION ]]; then
  initdb --username "$POSTGRES_USER" --pwfile <(printf '%s' "$POSTGRES_PASSWORD") \
    --auth-local trust --auth-host scram-sha-256
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  postgres --single -j -D "$PGDATA" postgres <<<"CREATE DATABASE $POSTGRES_DB;"
fi
exec "$@"
