// An open loop of requests to 127.0.0.1:PORT: they come at a fixed rate, whether or not earlier
// ones have been answered, as from many independent clients.
//
//   open_loop PORT RATE SECONDS CONNECTIONS THREADS KEYS <REQUEST
//
// The standard input is one whole request; the first `@` of it is replaced by a number from 1 to
// KEYS, one after the other. A request is sent on a connection without a request in progress, or on
// a new one. If CONNECTIONS are busy, it is not sent ("busy"); one that this program is too slow to
// send within 50 ms is not sent either ("late"). Requests are not pipelined.
//
// Prints a line of JSON for each second, by when answers came, and a last one ("second": null) for
// all, after waiting 5 s for the last answers. Latencies of accepted requests (status below 400)
// are told twice: from the time at which they were due, and from that at which they were sent.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "open_loop_figures.h"

enum {
  threads_max = 8,
  connections_max = 100000,
  seconds_max = 60,
  grace_seconds = 5,
  request_bytes_max = 8192,
  head_bytes_max = 2048,
  read_bytes = 65536,
  // One address has 28,000 ports.
  addresses = 8,
  late_microseconds = 50000,
  // Answers are read between so many requests, so that their times are right.
  sends_max = 64,
  events_max = 256,
};

enum state { is_closed, is_connecting, is_free, is_busy };

struct connection {
  int socket;
  enum state state;
  bool must_close;
  uint32_t head_used;
  int status;
  // Of the answer's body; -1 before the end of its head.
  int64_t body_left;
  int64_t due, sent;
  struct connection *next;
  char head[head_bytes_max];
};

struct generator {
  pthread_t thread;
  int number, poll;
  double rate;
  uint64_t key;
  int open, open_most, opened;
  struct connection *connections, *unused, *free;
  struct figures *seconds, *now;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static char before[request_bytes_max], after[request_bytes_max];
static size_t before_bytes, after_bytes;
static bool has_number;
static int seconds, connections_each, threads;
static uint64_t keys;
static int64_t start;

static void fail(const char *what) {
  fprintf(stderr, "open_loop: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_microseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void become_free(struct generator *own, struct connection *one) {
  one->state = is_free;
  one->next = own->free;
  own->free = one;
}

// A free connection may be in the list of free ones still, from which `take_free` then drops it.
static void end_connection(struct generator *own, struct connection *one) {
  close(one->socket);
  own->open--;
  const bool is_listed = one->state == is_free;
  one->state = is_closed;
  if (is_listed) return;
  one->next = own->unused;
  own->unused = one;
}

static struct connection *take_free(struct generator *own) {
  while (own->free != NULL) {
    struct connection *one = own->free;
    own->free = one->next;
    if (one->state == is_free) return one;
    one->next = own->unused;
    own->unused = one;
  }
  return NULL;
}

static void break_connection(struct generator *own, struct connection *one) {
  if (one->state == is_connecting) own->now->unconnected++;
  if (one->state == is_busy) own->now->broken++;
  end_connection(own, one);
}

static uint64_t first_key(const struct generator *own) { return (uint64_t)own->number % keys + 1; }

static void send_request(struct generator *own, struct connection *one) {
  char request[2 * request_bytes_max + 32];
  size_t length = before_bytes;
  memcpy(request, before, before_bytes);
  if (has_number) length += (size_t)sprintf(request + length, "%llu", (unsigned long long)own->key);
  own->key += (uint64_t)threads;
  if (own->key > keys) own->key = first_key(own);
  memcpy(request + length, after, after_bytes);
  length += after_bytes;
  one->state = is_busy;
  one->head_used = 0;
  one->body_left = -1;
  one->sent = now_microseconds();
  own->now->sent++;
  // A request fits into the empty buffer of a socket.
  if (send(one->socket, request, length, MSG_NOSIGNAL) != (ssize_t)length)
    break_connection(own, one);
}

static void open_connection(struct generator *own, struct connection *one) {
  one->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (one->socket < 0) fail("socket");
  const int yes = 1;
  setsockopt(one->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  setsockopt(one->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(own->opened++ % addresses));
  if (bind(one->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  one->state = is_connecting;
  one->must_close = false;
  own->open++;
  if (own->open > own->open_most) own->open_most = own->open;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = one};
  if (connect(one->socket, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
    return break_connection(own, one);
  if (epoll_ctl(own->poll, EPOLL_CTL_ADD, one->socket, &event) != 0) fail("epoll_ctl");
}

// A request is due: it is sent, or counted as not sent.
static void request(struct generator *own, int64_t due) {
  struct connection *one = take_free(own);
  const bool is_new = one == NULL;
  if (is_new) {
    if (own->unused == NULL) {
      own->now->busy++;
      return;
    }
    one = own->unused;
    own->unused = one->next;
  }
  one->due = due;
  if (is_new) open_connection(own, one);
  else send_request(own, one);
}

static void take_answer(struct generator *own, struct connection *one, int64_t now) {
  struct figures *figures = own->now;
  figures->statuses[one->status]++;
  if (one->status < 400) {
    figures->accepted++;
    count(figures->from_due, now - one->due);
    count(figures->from_sent, now - one->sent);
  }
  if (one->must_close) end_connection(own, one);
  else become_free(own, one);
}

// The value of a field, or NULL. The head ends with an empty line and a zero byte.
static const char *field(const char *head, const char *name) {
  const size_t length = strlen(name);
  for (const char *line = strchr(head, '\n'); line != NULL; line = strchr(line + 1, '\n'))
    if (strncasecmp(line + 1, name, length) == 0 && line[1 + length] == ':')
      return line + 2 + length + strspn(line + 2 + length, " ");
  return NULL;
}

static void take_head(struct generator *own, struct connection *one) {
  one->status = atoi(one->head + strlen("HTTP/1.1 "));
  if (one->status < 100 || one->status >= statuses_max) one->status = 0;
  const char *length = field(one->head, "Content-Length");
  one->body_left = length != NULL ? atoll(length) : 0;
  const char *connection = field(one->head, "Connection");
  one->must_close = connection != NULL && strncasecmp(connection, "close", 5) == 0;
  if (one->status != 503 && one->status != 429) return;
  own->now->refused++;
  if (field(one->head, "Retry-After") == NULL) own->now->refused_without_retry++;
}

// Bytes of an answer: its head is kept, its body only counted.
static void take(struct generator *own, struct connection *one, const char *data, size_t length,
                 int64_t now) {
  if (one->state != is_busy) return break_connection(own, one);
  size_t body = length;
  if (one->body_left < 0) {
    const size_t room = head_bytes_max - 1 - one->head_used;
    const size_t copied = length < room ? length : room;
    memcpy(one->head + one->head_used, data, copied);
    one->head_used += (uint32_t)copied;
    one->head[one->head_used] = 0;
    const char *end = strstr(one->head, "\r\n\r\n");
    if (end == NULL) {
      if (copied == room) break_connection(own, one);
      return;
    }
    const size_t head_bytes = (size_t)(end - one->head) + 4;
    body = one->head_used - head_bytes + (length - copied);
    one->head[head_bytes] = 0;
    take_head(own, one);
  }
  one->body_left -= (int64_t)body;
  if (one->body_left <= 0) take_answer(own, one, now);
}

static void handle(struct generator *own, struct connection *one, uint32_t events) {
  static __thread char data[read_bytes];
  if (one->state == is_closed) return;
  if (one->state == is_connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(one->socket, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return break_connection(own, one);
    if (events & EPOLLOUT) send_request(own, one);
  }
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  while (one->state != is_closed) {
    const ssize_t length = read(one->socket, data, sizeof data);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) return break_connection(own, one);
    own->now->bytes += (uint64_t)length;
    take(own, one, data, (size_t)length, now_microseconds());
    // The kernel tells of an end separately.
    if (length < read_bytes && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  }
}

// Sends what is due by now. Returns when the next request is.
static int64_t send_due(struct generator *own, uint64_t *next, uint64_t all) {
  for (int sends = 0; *next < all;) {
    const int64_t due = start + (int64_t)((double)*next / own->rate * 1e6);
    const int64_t now = now_microseconds();
    if (due > now) return due;
    ++*next;
    const uint64_t busy = own->now->busy;
    if (now - due > late_microseconds) own->now->late++;
    else request(own, due);
    own->now->due++;
    if (own->now->busy == busy && ++sends == sends_max) return now;
  }
  return INT64_MAX;
}

// Requests without an answer.
static uint64_t waiting(const struct generator *own) {
  uint64_t found = 0;
  for (int number = 0; number < connections_each; number++) {
    const enum state state = own->connections[number].state;
    found += state == is_busy || state == is_connecting;
  }
  return found;
}

static void *run(void *argument) {
  struct generator *own = argument;
  const uint64_t all = (uint64_t)(own->rate * seconds);
  const int64_t end = start + (int64_t)seconds * 1000000;
  uint64_t next = 0;
  for (;;) {
    const int64_t second = (now_microseconds() - start) / 1000000;
    own->now = &own->seconds[second < seconds ? second : seconds];
    const int64_t wake = send_due(own, &next, all);
    const int64_t now = now_microseconds();
    if (wake == INT64_MAX && now >= end) {
      if (now >= end + (int64_t)grace_seconds * 1000000 || waiting(own) == 0) return NULL;
    }
    int64_t wait = wake - now;
    if (wait < 0) wait = 0;
    if (wait > 1000) wait = 1000;
    const struct timespec timeout = {.tv_nsec = (long)(wait * 1000)};
    struct epoll_event ready[events_max];
    const int found = epoll_pwait2(own->poll, ready, events_max, &timeout, NULL);
    if (found < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int place = 0; place < found; place++)
      handle(own, ready[place].data.ptr, ready[place].events);
  }
}

static void prepare(struct generator *own, int number, double rate) {
  own->number = number;
  own->rate = rate / threads;
  own->key = first_key(own);
  own->poll = epoll_create1(0);
  if (own->poll < 0) fail("epoll_create1");
  own->connections = calloc((size_t)connections_each, sizeof *own->connections);
  own->seconds = calloc((size_t)seconds + 1, sizeof *own->seconds);
  if (own->connections == NULL || own->seconds == NULL) fail("memory");
  for (int place = connections_each - 1; place >= 0; place--) {
    own->connections[place].next = own->unused;
    own->unused = &own->connections[place];
  }
}

static void report(struct generator *generators) {
  struct figures *total = calloc(1, sizeof *total);
  struct figures *sum = malloc(sizeof *sum);
  if (total == NULL || sum == NULL) fail("memory");
  int open_most = 0;
  // What came after the last second counts in the total only.
  for (int second = 0; second <= seconds; second++) {
    memset(sum, 0, sizeof *sum);
    for (int number = 0; number < threads; number++) add(sum, &generators[number].seconds[second]);
    add(total, sum);
    if (second < seconds) print(sum, second, "");
  }
  for (int number = 0; number < threads; number++) {
    open_most += generators[number].open_most;
    total->unanswered += waiting(&generators[number]);
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const double used = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                      (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  char more[96];
  snprintf(more, sizeof more, ", \"connections\": %d, \"cpu_seconds\": %.2f", open_most, used);
  print(total, -1, more);
}

static void read_request(void) {
  static char text[request_bytes_max];
  const size_t length = fread(text, 1, sizeof text, stdin);
  if (length == 0 || length == sizeof text) {
    fprintf(stderr, "open_loop: the request has 1 to %d bytes\n", request_bytes_max - 1);
    exit(64);
  }
  const char *at = memchr(text, '@', length);
  has_number = at != NULL;
  before_bytes = has_number ? (size_t)(at - text) : length;
  after_bytes = has_number ? length - before_bytes - 1 : 0;
  memcpy(before, text, before_bytes);
  memcpy(after, text + before_bytes + 1, after_bytes);
}

int main(int argc, char **argv) {
  double rate = 0;
  if (argc == 7) {
    server.sin_port = htons((uint16_t)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rate = atof(argv[2]);
    seconds = atoi(argv[3]);
    threads = atoi(argv[5]);
    connections_each = threads > 0 ? atoi(argv[4]) / threads : 0;
    keys = strtoull(argv[6], NULL, 10);
  }
  if (rate <= 0 || seconds < 1 || seconds > seconds_max || threads < 1 || threads > threads_max ||
      connections_each < 1 || connections_each > connections_max || keys < 1) {
    fprintf(stderr, "usage: open_loop PORT RATE SECONDS CONNECTIONS THREADS KEYS <REQUEST\n");
    return 64;
  }
  read_request();
  static struct generator generators[threads_max];
  for (int number = 0; number < threads; number++) prepare(&generators[number], number, rate);
  start = now_microseconds();
  for (int number = 0; number < threads; number++)
    if (pthread_create(&generators[number].thread, NULL, run, &generators[number]) != 0)
      fail("pthread_create");
  for (int number = 0; number < threads; number++) pthread_join(generators[number].thread, NULL);
  report(generators);
  return 0;
}
