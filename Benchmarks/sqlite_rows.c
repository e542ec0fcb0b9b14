// The straightforward way to store rows durably, for comparison: one prepared statement, one row a
// commit, in the very database file that kv-api has made (so the same schema and page size), with
// the same settings: WAL and synchronous=FULL. Prints the number of rows committed.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { keys_max = 50000, value_bytes = 100 };

static double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void check(int code, int expected, sqlite3 *database) {
  if (code == expected) return;
  fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(database));
  exit(1);
}

static const char *const upsert =
    "INSERT INTO entries (key, value, content_type, revision, version, created_at, updated_at)"
    " VALUES (?1, ?2, 'text/plain', ?3, 1, ?3, ?3)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision,"
    " version = version + 1, updated_at = excluded.updated_at";

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: sqlite_rows DATABASE SECONDS\n");
    return 2;
  }
  sqlite3 *database = NULL;
  check(sqlite3_open(arguments[1], &database), SQLITE_OK, database);
  const char *settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
  check(sqlite3_exec(database, settings, NULL, NULL, NULL), SQLITE_OK, database);
  sqlite3_stmt *statement = NULL;
  check(sqlite3_prepare_v2(database, upsert, -1, &statement, NULL), SQLITE_OK, database);

  char value[value_bytes];
  memset(value, 'v', sizeof value);
  long rows = 0;
  const double end = now_seconds() + atof(arguments[2]);
  while (now_seconds() < end) {
    char key[32];
    const int length = snprintf(key, sizeof key, "bench/1/%ld", rows % keys_max + 1);
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    sqlite3_bind_blob(statement, 1, key, length, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, value, sizeof value, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, time.tv_sec * 1000000LL + time.tv_nsec / 1000);
    check(sqlite3_step(statement), SQLITE_DONE, database);
    sqlite3_reset(statement);
    rows++;
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  printf("%ld\n", rows);
  return 0;
}
