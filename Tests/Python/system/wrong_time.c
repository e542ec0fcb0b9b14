/* What a machine is like whose clock is off by WRONG_SECONDS: loaded before the C library. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static long wrong(void) {
  const char *seconds = getenv("WRONG_SECONDS");
  return seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += wrong();
  return result;
}

time_t time(time_t *now) {
  time_t (*real)(time_t *) = dlsym(RTLD_NEXT, "time");
  time_t result = real(NULL) + wrong();
  if (now) *now = result;
  return result;
}
