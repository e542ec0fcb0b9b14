// Measures how fast a quorum queue confirms what librabbitmq publishes, without anything else: one
// connection, persistent messages of 100 bytes, at most WINDOW of them unconfirmed at a time.
// Prints the number of confirmed messages and the seconds that they took. Also prints how many
// messages are ready in a queue, and removes one. The broker's URL, a secret, is in AMQP_URL.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { channel = 1, value_bytes = 100, window_max = 65536, frame_seconds_max = 30 };

static double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why) {
  fprintf(stderr, "amqp_confirms: %s: %s\n", what, why);
  exit(1);
}

static void check(int status, const char *what) {
  if (status != AMQP_STATUS_OK) fail(what, amqp_error_string2(status));
}

static void check_reply(amqp_connection_state_t connection, const char *what) {
  const amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
    fail(what, amqp_error_string2(reply.library_error));
  fail(what, "refused by the broker");
}

static amqp_connection_state_t connected(char *url) {
  struct amqp_connection_info info;
  check(amqp_parse_url(url, &info), "AMQP_URL");
  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  if (socket == NULL) fail("socket", "no memory");
  check(amqp_socket_open(socket, info.host, info.port), "connect");
  // For librabbitmq, a URL that ends in a slash has an empty virtual host; its user means "/".
  const char *host = info.vhost[0] == '\0' ? "/" : info.vhost;
  const amqp_rpc_reply_t reply = amqp_login(connection, host, 0, 131072, 0,
                                            AMQP_SASL_METHOD_PLAIN, info.user, info.password);
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("login", "refused");
  amqp_channel_open(connection, channel);
  check_reply(connection, "channel");
  return connection;
}

static uint32_t declared(amqp_connection_state_t connection, const char *queue, bool passive) {
  amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type"),
                             .value = {.kind = AMQP_FIELD_KIND_UTF8}};
  type.value.value.bytes = amqp_cstring_bytes("quorum");
  const amqp_table_t arguments = {.num_entries = 1, .entries = &type};
  const amqp_queue_declare_ok_t *answer =
      amqp_queue_declare(connection, channel, amqp_cstring_bytes(queue), passive, 1, 0, 0,
                         passive ? amqp_empty_table : arguments);
  check_reply(connection, "declare");
  return answer->message_count;
}

// What has been published and not yet confirmed, by delivery tag; tags start at 1.
struct outstanding {
  uint64_t published, oldest;
  uint64_t confirmed;
  bool is_confirmed[window_max];
};

static void mark_confirmed(struct outstanding *all, uint64_t tag) {
  bool *slot = &all->is_confirmed[tag % window_max];
  if (*slot) return;
  *slot = true;
  all->confirmed++;
}

static void take_frame(amqp_connection_state_t connection, struct outstanding *all) {
  struct timeval limit = {.tv_sec = frame_seconds_max};
  amqp_frame_t frame;
  check(amqp_simple_wait_frame_noblock(connection, &frame, &limit), "confirm");
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
    fail("confirm", amqp_method_name(frame.payload.method.id));
  const amqp_basic_ack_t *ack = frame.payload.method.decoded;
  if (ack->multiple)
    for (uint64_t tag = all->oldest; tag <= ack->delivery_tag; tag++) mark_confirmed(all, tag);
  else
    mark_confirmed(all, ack->delivery_tag);
  while (all->oldest <= all->published && all->is_confirmed[all->oldest % window_max])
    all->oldest++;
}

static void publish(amqp_connection_state_t connection, const char *queue,
                    struct outstanding *all) {
  static char value[value_bytes];
  memset(value, 'v', sizeof value);
  char operation[40];
  all->published++;
  all->is_confirmed[all->published % window_max] = false;
  snprintf(operation, sizeof operation, "%036llu", (unsigned long long)all->published);
  const amqp_basic_properties_t properties = {
      ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
      .delivery_mode = AMQP_DELIVERY_PERSISTENT,
      .message_id = amqp_cstring_bytes(operation)};
  const amqp_bytes_t body = {.len = sizeof value, .bytes = value};
  check(amqp_basic_publish(connection, channel, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0,
                           &properties, body),
        "publish");
}

static void confirms(amqp_connection_state_t connection, const char *queue, double seconds,
                     uint64_t window) {
  declared(connection, queue, false);
  amqp_queue_purge(connection, channel, amqp_cstring_bytes(queue));
  check_reply(connection, "purge");
  amqp_confirm_select(connection, channel);
  check_reply(connection, "confirm.select");
  static struct outstanding all = {.oldest = 1};
  const double start = now_seconds();
  while (now_seconds() < start + seconds) {
    // By tag, so that the ring can't lap a message that is confirmed late.
    while (all.published + 1 - all.oldest < window) publish(connection, queue, &all);
    // At least half the window stays unconfirmed, so that the broker always has work.
    while (all.published + 1 - all.oldest > window / 2) {
      take_frame(connection, &all);
      amqp_maybe_release_buffers(connection);
    }
  }
  while (all.oldest <= all.published) take_frame(connection, &all);
  printf("%llu %.3f\n", (unsigned long long)all.confirmed, now_seconds() - start);
  amqp_queue_purge(connection, channel, amqp_cstring_bytes(queue));
}

int main(int count, char **arguments) {
  char *url = getenv("AMQP_URL");
  if (count < 3 || url == NULL) {
    fprintf(stderr, "usage: AMQP_URL=… amqp_confirms (confirms QUEUE SECONDS WINDOW"
                    " | depth QUEUE | delete QUEUE)\n");
    return 2;
  }
  const char *verb = arguments[1], *queue = arguments[2];
  amqp_connection_state_t connection = connected(url);
  if (strcmp(verb, "confirms") == 0 && count == 5) {
    const long window = atol(arguments[4]);
    if (window < 2 || window > window_max) fail("WINDOW", "must be 2 to 65536");
    confirms(connection, queue, atof(arguments[3]), window);
  } else if (strcmp(verb, "depth") == 0) {
    printf("%u\n", declared(connection, queue, true));
  } else if (strcmp(verb, "delete") == 0) {
    amqp_queue_delete(connection, channel, amqp_cstring_bytes(queue), 0, 0);
    check_reply(connection, "delete");
  }
  amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  check(amqp_destroy_connection(connection), "close");
  return 0;
}
