// libpq: the client library of PostgreSQL, which CockroachDB speaks to as well.
#include <libpq-fe.h>
