import CRabbitMQ

/// The methods that a broker sends by itself, and those that are sent or received without waiting:
/// class and number, as AMQP 0-9-1 has them.
enum Method {
  static let connectionClose: amqp_method_number_t = 0x000A_0032
  static let connectionBlocked: amqp_method_number_t = 0x000A_003C
  static let connectionUnblocked: amqp_method_number_t = 0x000A_003D
  static let channelClose: amqp_method_number_t = 0x0014_0028
  static let channelCloseAgreed: amqp_method_number_t = 0x0014_0029
  static let basicLimit: amqp_method_number_t = 0x003C_000A
  static let basicLimited: amqp_method_number_t = 0x003C_000B
  static let basicCancel: amqp_method_number_t = 0x003C_001E
  static let basicReturn: amqp_method_number_t = 0x003C_0032
  static let basicDeliver: amqp_method_number_t = 0x003C_003C
  static let basicAcknowledge: amqp_method_number_t = 0x003C_0050
  static let basicNegative: amqp_method_number_t = 0x003C_0078
}
