// librabbitmq. Before 0.12 (Debian 12 has 0.11) its headers lie directly in the include folder.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

// Swift imports no variadic functions.
static inline amqp_rpc_reply_t CRabbitMQ_login(
    amqp_connection_state_t state, const char *vhost, int channelMax, int frameMax,
    int heartbeatSeconds, const amqp_table_t *properties, const char *user,
    const char *password) {
  return amqp_login_with_properties(
      state, vhost, channelMax, frameMax, heartbeatSeconds, properties, AMQP_SASL_METHOD_PLAIN,
      user, password);
}
