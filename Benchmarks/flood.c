// A client that sends one request again and again on one connection to 127.0.0.1:PORT, as fast as
// the server takes it, without waiting for answers; another thread reads them as fast as it can.
//
//   flood PORT SECONDS <REQUEST
//
// The standard input is one whole request. Prints how many answers came, and how many of them had
// the status 200.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  request_bytes_max = 4096,
  block_bytes_max = 1 << 20,
  read_bytes = 1 << 20,
};

static const char start_of_any[] = "HTTP/1.1 ", start_of_success[] = "HTTP/1.1 200 ";

static int connection;
static char block[block_bytes_max];
static size_t block_bytes;
static double end;

static void fail(const char *what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Whole blocks of whole requests, until the time is over.
static void *write_all(void *unused) {
  while (now() < end) {
    size_t sent = 0;
    while (sent < block_bytes) {
      const ssize_t count = send(connection, block + sent, block_bytes - sent, MSG_NOSIGNAL);
      // The server has ended the connection, which the reader will see.
      if (count <= 0) return unused;
      sent += (size_t)count;
    }
  }
  shutdown(connection, SHUT_WR);
  return unused;
}

static uint64_t occurrences(const char *data, size_t length, const char *text, size_t text_bytes) {
  uint64_t found = 0;
  const char *place = data, *last = data + length;
  while ((place = memmem(place, (size_t)(last - place), text, text_bytes)) != NULL) {
    found++;
    place += text_bytes;
  }
  return found;
}

static void read_all(void) {
  // What a piece ends with may be the start of an answer that the next one completes.
  enum { kept_max = sizeof start_of_success - 2 };
  static char data[kept_max + read_bytes];
  uint64_t answers = 0, successes = 0;
  size_t kept = 0;
  ssize_t count;
  while ((count = recv(connection, data + kept, read_bytes, 0)) > 0) {
    const size_t length = kept + (size_t)count;
    const size_t next = length < kept_max ? length : kept_max;
    // An occurrence counts in the piece in which its last byte comes; none fits into what is kept.
    answers += occurrences(data, length, start_of_any, sizeof start_of_any - 1) -
               occurrences(data + length - next, next, start_of_any, sizeof start_of_any - 1);
    successes += occurrences(data, length, start_of_success, sizeof start_of_success - 1);
    memmove(data, data + length - next, next);
    kept = next;
  }
  answers += occurrences(data, kept, start_of_any, sizeof start_of_any - 1);
  printf("{\"answers\": %llu, \"status 200\": %llu}\n", (unsigned long long)answers,
         (unsigned long long)successes);
}

int main(int argc, char **argv) {
  static char request[request_bytes_max];
  const size_t length = fread(request, 1, sizeof request, stdin);
  if (argc != 3 || length == 0 || length == sizeof request) {
    fprintf(stderr, "usage: flood PORT SECONDS <REQUEST\n");
    return 64;
  }
  for (; block_bytes + length <= sizeof block; block_bytes += length)
    memcpy(block + block_bytes, request, length);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0) fail("socket");
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  end = now() + atof(argv[2]);
  pthread_t writer;
  if (pthread_create(&writer, NULL, write_all, NULL) != 0) fail("pthread_create");
  read_all();
  pthread_join(writer, NULL);
  return 0;
}
