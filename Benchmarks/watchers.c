// Many clients of GET /watch in one thread: WATCHERS connections to 127.0.0.1:PORT, of which number
// N watches the prefix PREFIX with its `@` replaced by N (percent-encoded as it stands).
//
//   watchers PORT WATCHERS PREFIX
//
// Prints `ready` once all streams have begun. Then obeys the lines of its input: `begin` counts
// from here on, `end` prints what was counted, and its end ends all. An event's lag is the time
// since its revision, which is that of its commit in microseconds; all clocks are the same here.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  watchers_max = 20000,
  line_bytes_max = 1024,
  read_bytes = 65536,
  bucket_microseconds = 100,
  buckets = 100000,  // ten seconds
};

// Where the next byte of a stream belongs (RFC 9112 §7.1).
enum place { in_head, in_size, in_chunk, after_chunk };

struct watcher {
  int socket;
  enum place place;
  bool has_begun;
  uint32_t chunk_left;
  uint32_t line_used;
  char line[line_bytes_max];
};

static struct watcher watchers[watchers_max];
static uint64_t lags[buckets + 1];
static uint64_t events, bytes;
static int begun, ended;

static void fail(const char *what) {
  fprintf(stderr, "watchers: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_microseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

// The path of a watcher, with `@` replaced.
static void ask(struct watcher *watcher, int number, const char *prefix) {
  char request[1024];
  const char *at = strchr(prefix, '@');
  const int before = at != NULL ? (int)(at - prefix) : (int)strlen(prefix);
  char numeral[16] = "";
  if (at != NULL) snprintf(numeral, sizeof numeral, "%d", number);
  const int length = snprintf(request, sizeof request,
                              "GET /watch?prefix=%.*s%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                              before, prefix, numeral, at != NULL ? at + 1 : "");
  if (write(watcher->socket, request, (size_t)length) != length) fail("request");
}

static void connect_all(int port, int count, const char *prefix, int poll) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int number = 0; number < count; number++) {
    struct watcher *watcher = &watchers[number];
    watcher->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (watcher->socket < 0) fail("socket");
    if (connect(watcher->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    ask(watcher, number + 1, prefix);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watcher};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, watcher->socket, &event) != 0) fail("epoll_ctl");
  }
}

// A whole line of a stream, without its end.
static void take_line(struct watcher *watcher, int64_t now) {
  watcher->line[watcher->line_used] = 0;
  watcher->line_used = 0;
  if (!watcher->has_begun && strncmp(watcher->line, "id:", 3) == 0) {
    watcher->has_begun = true;
    begun++;
  }
  if (strncmp(watcher->line, "data:", 5) != 0) return;
  const char *name = strstr(watcher->line, "\"revision\":");
  if (name == NULL) return;
  name += strlen("\"revision\":");
  const int64_t lag = now - strtoll(name + (*name == '"'), NULL, 10);
  const int64_t bucket = lag < 0 ? 0 : lag / bucket_microseconds;
  lags[bucket < buckets ? bucket : buckets]++;
  events++;
}

static void add_to_line(struct watcher *watcher, const char *data, size_t count) {
  const size_t room = line_bytes_max - 1 - watcher->line_used;
  if (count > room) count = room;
  memcpy(watcher->line + watcher->line_used, data, count);
  watcher->line_used += (uint32_t)count;
}

// Ends a line that is not of the stream: of the head, or the size of a chunk.
static void take_framing(struct watcher *watcher) {
  watcher->line[watcher->line_used] = 0;
  const bool is_empty = watcher->line_used == 0 || watcher->line[0] == '\r';
  if (watcher->place == in_head) {
    if (strncmp(watcher->line, "HTTP/", 5) == 0 && strstr(watcher->line, " 200") == NULL) {
      fprintf(stderr, "watchers: the answer was %s\n", watcher->line);
      exit(1);
    }
    if (is_empty) watcher->place = in_size;
  } else if (watcher->place == after_chunk) {
    watcher->place = in_size;
  } else {
    watcher->chunk_left = (uint32_t)strtoul(watcher->line, NULL, 16);
    watcher->place = in_chunk;
  }
  watcher->line_used = 0;
}

// What has arrived: lines of the stream, and of the framing around them.
static void take(struct watcher *watcher, const char *data, size_t count, int64_t now) {
  while (count > 0) {
    const bool is_framing = watcher->place != in_chunk;
    size_t part = is_framing || count < watcher->chunk_left ? count : watcher->chunk_left;
    const char *end = memchr(data, '\n', part);
    if (end != NULL) part = (size_t)(end - data) + 1;
    add_to_line(watcher, data, end != NULL ? part - 1 : part);
    if (!is_framing) watcher->chunk_left -= (uint32_t)part;
    if (end != NULL) is_framing ? take_framing(watcher) : take_line(watcher, now);
    // The server sends whole events: a chunk ends with a line.
    if (!is_framing && watcher->chunk_left == 0) watcher->place = after_chunk;
    data += part;
    count -= part;
  }
}

static void read_from(struct watcher *watcher, int poll) {
  static char data[read_bytes];
  const ssize_t count = read(watcher->socket, data, sizeof data);
  if (count > 0) {
    bytes += (uint64_t)count;
    return take(watcher, data, (size_t)count, now_microseconds());
  }
  ended++;
  epoll_ctl(poll, EPOLL_CTL_DEL, watcher->socket, NULL);
  close(watcher->socket);
}

// The lag in milliseconds that this share of the events does not exceed.
static double quantile(double share) {
  uint64_t left = (uint64_t)(share * (double)events);
  int bucket = 0;
  while (bucket < buckets && left >= lags[bucket]) left -= lags[bucket++];
  return (bucket + 1) * bucket_microseconds / 1000.0;
}

// False: the input has ended.
static bool obey(void) {
  char line[64];
  if (fgets(line, sizeof line, stdin) == NULL) return false;
  if (strncmp(line, "begin", 5) == 0) {
    events = bytes = 0;
    memset(lags, 0, sizeof lags);
  } else {
    printf("{\"events\": %llu, \"bytes\": %llu, \"ended\": %d, ", (unsigned long long)events,
           (unsigned long long)bytes, ended);
    printf("\"p50_ms\": %.1f, \"p99_ms\": %.1f}\n", quantile(0.5), quantile(0.99));
    fflush(stdout);
  }
  return true;
}

int main(int argc, char **argv) {
  const int count = argc == 4 ? atoi(argv[2]) : 0;
  if (count < 1 || count > watchers_max) {
    fprintf(stderr, "usage: watchers PORT WATCHERS PREFIX\n");
    return 64;
  }
  setvbuf(stdin, NULL, _IONBF, 0);
  const int poll = epoll_create1(0);
  if (poll < 0) fail("epoll_create1");
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) fail("stdin");
  connect_all(atoi(argv[1]), count, argv[3], poll);
  for (bool is_told = false;;) {
    struct epoll_event ready[512];
    const int found = epoll_wait(poll, ready, 512, -1);
    if (found < 0 && errno != EINTR) fail("epoll_wait");
    for (int place = 0; place < found; place++) {
      struct watcher *watcher = ready[place].data.ptr;
      if (watcher != NULL) read_from(watcher, poll);
      else if (!obey()) return 0;
    }
    if (!is_told && begun == count) {
      is_told = true;
      puts("ready");
      fflush(stdout);
    }
    if (!is_told && ended > 0) {
      fprintf(stderr, "watchers: a stream ended at once\n");
      return 1;
    }
  }
}
