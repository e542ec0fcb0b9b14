// What open_loop.c counts, and how it is printed.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
  bucket_microseconds = 100,
  buckets = 100000,  // ten seconds
  statuses_max = 600,
};

struct figures {
  uint64_t due, sent, busy, late, accepted, refused, refused_without_retry, bytes;
  // Connections that could not be made, that ended without an answer, and requests without one.
  uint64_t unconnected, broken, unanswered;
  uint64_t statuses[statuses_max];
  uint32_t from_due[buckets + 1], from_sent[buckets + 1];
};

static void count(uint32_t *counts, int64_t microseconds) {
  const int64_t bucket = microseconds < 0 ? 0 : microseconds / bucket_microseconds;
  counts[bucket < buckets ? bucket : buckets]++;
}

static void add(struct figures *sum, const struct figures *one) {
  uint64_t *to = &sum->due;
  const uint64_t *from = &one->due;
  // The counters before the histograms.
  const size_t counters = offsetof(struct figures, from_due) / sizeof *to;
  for (size_t place = 0; place < counters; place++) to[place] += from[place];
  for (int bucket = 0; bucket <= buckets; bucket++) {
    sum->from_due[bucket] += one->from_due[bucket];
    sum->from_sent[bucket] += one->from_sent[bucket];
  }
}

// The latency in milliseconds that this share of the accepted requests does not exceed.
static double quantile(const uint32_t *counts, uint64_t total, double share) {
  uint64_t left = (uint64_t)(share * (double)total);
  int bucket = 0;
  while (bucket < buckets && left >= counts[bucket]) left -= counts[bucket++];
  return (bucket + 1) * bucket_microseconds / 1000.0;
}

static void print(const struct figures *all, int second, const char *more) {
  if (second < 0) printf("{\"second\": null");
  else printf("{\"second\": %d", second);
  const struct { const char *name; uint64_t count; } counters[] = {
      {"due", all->due}, {"sent", all->sent}, {"busy", all->busy}, {"late", all->late},
      {"accepted", all->accepted}, {"refused", all->refused},
      {"refused_without_retry_after", all->refused_without_retry}, {"bytes", all->bytes},
      {"unconnected", all->unconnected}, {"broken", all->broken}, {"unanswered", all->unanswered}};
  for (size_t place = 0; place < sizeof counters / sizeof *counters; place++)
    printf(", \"%s\": %llu", counters[place].name, (unsigned long long)counters[place].count);
  const char *separator = "";
  printf(", \"statuses\": {");
  for (int status = 0; status < statuses_max; status++) {
    if (all->statuses[status] == 0) continue;
    printf("%s\"%d\": %llu", separator, status, (unsigned long long)all->statuses[status]);
    separator = ", ";
  }
  printf("}");
  if (all->accepted > 0)
    printf(", \"due_p50_ms\": %.1f, \"due_p99_ms\": %.1f, \"p50_ms\": %.1f, \"p99_ms\": %.1f",
           quantile(all->from_due, all->accepted, 0.5),
           quantile(all->from_due, all->accepted, 0.99),
           quantile(all->from_sent, all->accepted, 0.5),
           quantile(all->from_sent, all->accepted, 0.99));
  printf("%s}\n", more);
}
