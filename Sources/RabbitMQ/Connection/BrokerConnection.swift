import CRabbitMQ
import Foundation

/// One connection to a broker, with librabbitmq.
///
/// Not Sendable: librabbitmq is not thread-safe, so a connection belongs to the thread that opened
/// it. After an error it can't be used any more, unless the error is only of a channel.
final class BrokerConnection {
  let address: BrokerAddress
  let configuration: RabbitMQConfiguration
  let state: amqp_connection_state_t
  private let interrupt: SocketInterrupt
  var assembly = ContentAssembly()

  /// Asked for when logging in; the broker may allow less.
  private static let channelsMax = Int32(ReplayChannels.channelsMax)
  private static let frameBytesMax: Int32 = 131_072

  /// Connects and logs in. Blocks for at most twice the connect timeout, after looking up the name.
  /// - Parameter name: identifies the connection for operators of the broker.
  init(
    to address: BrokerAddress, as name: String, configuration: RabbitMQConfiguration,
    interrupt: SocketInterrupt
  ) throws(BrokerFailure) {
    guard let state = amqp_new_connection() else { throw BrokerFailure("out of memory") }
    self.address = address
    self.configuration = configuration
    self.interrupt = interrupt
    self.state = state
    try open()
    try logIn(as: name)
    // The default is to wait for ever.
    var timeout = configuration.requestTimeout.timeval
    amqp_set_rpc_timeout(state, &timeout)
  }

  deinit {
    interrupt.forget()
    amqp_destroy_connection(state)
  }

  private func open() throws(BrokerFailure) {
    var timeout = configuration.connectTimeout.timeval
    // Owned by the connection from here on.
    let socket =
      address.usesTLS ? amqp_ssl_socket_new(state) : amqp_tcp_socket_new(state)
    guard let socket else { throw BrokerFailure("out of memory") }
    if address.usesTLS {
      amqp_ssl_socket_set_verify_peer(socket, 1)
      amqp_ssl_socket_set_verify_hostname(socket, 1)
      _ = amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
      // Without a file nothing is trusted: 0.11 can't be told to use the system's.
      let path = configuration.certificateAuthorityPath ?? "/etc/ssl/certs/ca-certificates.crt"
      let status = amqp_ssl_socket_set_cacert(socket, path)
      if let failure = BrokerFailure(status: status, "reading the CA file") { throw failure }
    }
    let status = amqp_socket_open_noblock(socket, address.host, Int32(address.port), &timeout)
    if let failure = BrokerFailure(status: status, "connecting") { throw failure }
    interrupt.watch(amqp_get_sockfd(state))
  }

  private func logIn(as name: String) throws(BrokerFailure) {
    var timeout = configuration.connectTimeout.timeval
    amqp_set_handshake_timeout(state, &timeout)
    amqp_set_rpc_timeout(state, &timeout)
    // In addition to those that the library announces.
    let capabilities = FieldTable([
      ("connection.blocked", .flag(true)), ("consumer_cancel_notify", .flag(true)),
      ("publisher_confirms", .flag(true)), ("basic.nack", .flag(true)),
    ])
    let properties = FieldTable([
      ("connection_name", .text(name)), ("capabilities", .table(capabilities)),
    ])
    var table = properties.table
    let heartbeat = Int32(clamping: max(1, configuration.heartbeat.components.seconds))
    let reply = withExtendedLifetime(properties) {
      CRabbitMQ_login(
        state, address.virtualHost, BrokerConnection.channelsMax,
        BrokerConnection.frameBytesMax, heartbeat, &table, address.user, address.password)
    }
    if let failure = BrokerFailure(reply: reply, "logging in") { throw failure }
  }

  /// Opens a channel, which closes with the connection at the latest.
  func openChannel(_ channel: UInt16) throws(BrokerFailure) {
    _ = amqp_channel_open(state, channel)
    try check("opening a channel")
  }

  /// Closes a channel. Deliveries that came before the broker's answer can still be read.
  func closeChannel(_ channel: UInt16) throws(BrokerFailure) {
    let reply = amqp_channel_close(state, channel, 200)
    if let failure = BrokerFailure(reply: reply, "closing a channel") { throw failure }
  }

  /// Confirms that the broker has closed a channel, which can then be opened again.
  func agreeToClosing(_ channel: UInt16) throws(BrokerFailure) {
    var agreement = amqp_channel_close_ok_t()
    let status = amqp_send_method(state, channel, Method.channelCloseOK, &agreement)
    if let failure = BrokerFailure(status: status, "closing a channel") { throw failure }
  }

  /// Closes the connection, and waits for the broker's answer for at most half a second: the broker
  /// may hang.
  func close() {
    var timeout = Duration.milliseconds(500).timeval
    amqp_set_rpc_timeout(state, &timeout)
    _ = amqp_connection_close(state, 200)
  }

  /// Waits until there is something to read, `wakeup` is signalled, there is room to send (if
  /// `toSend`), or the time is over: at most a quarter of a heartbeat, as only `nextEvent` sends
  /// heartbeats.
  func wait(_ wakeup: Wakeup, for duration: Duration?, toSend: Bool) {
    if amqp_frames_enqueued(state) != 0 || amqp_data_in_buffer(state) != 0 { return }
    _ = poll(wakeup, for: duration, Int16(POLLIN) | (toSend ? Int16(POLLOUT) : 0))
  }

  /// Waits until `wakeup` is signalled, at most a quarter of a heartbeat, and reads nothing: what
  /// the broker sends stays in the socket. Sends a heartbeat, as `nextEvent` is not called
  /// meanwhile.
  func waitWithoutReading(_ wakeup: Wakeup) throws(BrokerFailure) {
    var frame = amqp_frame_t()
    frame.frame_type = UInt8(AMQP_FRAME_HEARTBEAT)
    let status = amqp_send_frame(state, &frame)
    if let failure = BrokerFailure(status: status, "sending a heartbeat") { throw failure }
    let events = poll(wakeup, for: nil, 0)
    if events & Int16(POLLERR | POLLHUP) != 0 {
      throw BrokerFailure("the broker has closed the connection")
    }
  }

  /// Waits, and returns the events of the socket.
  private func poll(_ wakeup: Wakeup, for duration: Duration?, _ events: Int16) -> Int16 {
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { watched in
      watched[0] = pollfd(fd: amqp_get_sockfd(state), events: events, revents: 0)
      watched[1] = pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
      let longest = configuration.heartbeat / 4
      _ = Foundation.poll(
        watched.baseAddress, 2, min(duration ?? longest, longest).pollTimeout)
      if watched[1].revents != 0 { wakeup.clear() }
      return watched[0].revents
    }
  }

  /// Whether the system's send buffer has room now.
  var hasRoomToSend: Bool {
    var watched = pollfd(fd: amqp_get_sockfd(state), events: Int16(POLLOUT), revents: 0)
    // The next call finds an error.
    return Foundation.poll(&watched, 1, 0) != 0
  }

  /// Throws unless the last request succeeded; for functions that return an answer or nil.
  func check(_ action: String) throws(BrokerFailure) {
    if let failure = BrokerFailure(reply: amqp_get_rpc_reply(state), action) { throw failure }
  }
}
