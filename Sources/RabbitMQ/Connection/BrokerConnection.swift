import CRabbitMQ
import Foundation

/// One connection to a broker, with librabbitmq.
///
/// Not Sendable: librabbitmq is not thread-safe, so that a connection belongs to the thread that
/// opened it. Every error ends its use.
final class BrokerConnection {
  let address: BrokerAddress
  let configuration: RabbitMQConfiguration
  let state: amqp_connection_state_t
  private let interrupt: SocketInterrupt
  var assembly = ContentAssembly()

  /// Channels, frames and heartbeats as we would like them; the broker may ask for less.
  private static let channelsMax = Int32(ReplayChannels.channelsMax)
  private static let frameBytesMax: Int32 = 131_072

  /// Connects and logs in: blocks for at most twice the connect timeout, after looking up the name.
  /// - Parameter name: what operators see of the connection at the broker.
  init(
    to address: BrokerAddress, as name: String, configuration: RabbitMQConfiguration,
    interrupt: SocketInterrupt
  ) throws(ConnectionFailure) {
    guard let state = amqp_new_connection() else { throw ConnectionFailure("out of memory") }
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

  private func open() throws(ConnectionFailure) {
    var timeout = configuration.connectTimeout.timeval
    // Owned by the connection from here on.
    let socket =
      address.usesTLS ? amqp_ssl_socket_new(state) : amqp_tcp_socket_new(state)
    guard let socket else { throw ConnectionFailure("out of memory") }
    if address.usesTLS {
      amqp_ssl_socket_set_verify_peer(socket, 1)
      amqp_ssl_socket_set_verify_hostname(socket, 1)
      _ = amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
      // Without a file nothing is trusted: 0.11 can't be told to use the system's.
      let path = configuration.certificateAuthorityPath ?? "/etc/ssl/certs/ca-certificates.crt"
      let status = amqp_ssl_socket_set_cacert(socket, path)
      if let failure = ConnectionFailure(status: status, "reading the CA file") { throw failure }
    }
    let status = amqp_socket_open_noblock(socket, address.host, Int32(address.port), &timeout)
    if let failure = ConnectionFailure(status: status, "connecting") { throw failure }
    interrupt.watch(amqp_get_sockfd(state))
  }

  private func logIn(as name: String) throws(ConnectionFailure) {
    var timeout = configuration.connectTimeout.timeval
    amqp_set_handshake_timeout(state, &timeout)
    amqp_set_rpc_timeout(state, &timeout)
    // What we want to be told of, besides what the library announces by itself.
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
    if let failure = ConnectionFailure(reply: reply, "logging in") { throw failure }
  }

  /// Opens a channel. It closes with the connection, or by `closeChannel`.
  func openChannel(_ channel: UInt16) throws(ConnectionFailure) {
    _ = amqp_channel_open(state, channel)
    try check("opening a channel")
  }

  /// Closes a channel. Deliveries that came before the broker's answer may still be read.
  func closeChannel(_ channel: UInt16) throws(ConnectionFailure) {
    let reply = amqp_channel_close(state, channel, 200)
    if let failure = ConnectionFailure(reply: reply, "closing a channel") { throw failure }
  }

  /// Agrees that the broker has closed a channel, which may then be opened again.
  func agreeToClosing(_ channel: UInt16) throws(ConnectionFailure) {
    var agreement = amqp_channel_close_ok_t()
    let status = amqp_send_method(state, channel, Method.channelCloseAgreed, &agreement)
    if let failure = ConnectionFailure(status: status, "closing a channel") { throw failure }
  }

  /// Says goodbye, unless that takes longer than half a second: the broker may hang.
  func close() {
    var timeout = Duration.milliseconds(500).timeval
    amqp_set_rpc_timeout(state, &timeout)
    _ = amqp_connection_close(state, 200)
  }

  /// Waits until the broker has something to say, `wakeup` is signalled, there is room to send (if
  /// asked for), or the time is over. A quarter of a heartbeat at most: they are sent by
  /// `nextEvent`, and nowhere else.
  func wait(_ wakeup: Wakeup, for duration: Duration? = nil, toSend: Bool = false) {
    if amqp_frames_enqueued(state) != 0 || amqp_data_in_buffer(state) != 0 { return }
    _ = poll(wakeup, for: duration, Int16(POLLIN) | (toSend ? Int16(POLLOUT) : 0))
  }

  /// Waits without reading what the broker has to say, which stays with the broker: until `wakeup`
  /// is signalled or the time is over, a quarter of a heartbeat at most. Sends a heartbeat, as
  /// `nextEvent` does not.
  func waitWithoutReading(_ wakeup: Wakeup) throws(ConnectionFailure) {
    var frame = amqp_frame_t()
    frame.frame_type = UInt8(AMQP_FRAME_HEARTBEAT)
    let status = amqp_send_frame(state, &frame)
    if let failure = ConnectionFailure(status: status, "sending a heartbeat") { throw failure }
    let events = poll(wakeup, for: nil, 0)
    if events & Int16(POLLERR | POLLHUP) != 0 {
      throw ConnectionFailure("the broker has closed the connection")
    }
  }

  /// What has happened on the socket.
  private func poll(_ wakeup: Wakeup, for duration: Duration?, _ events: Int16) -> Int16 {
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { watched in
      watched[0] = pollfd(fd: amqp_get_sockfd(state), events: events, revents: 0)
      watched[1] = pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
      let longest = configuration.heartbeat / 4
      _ = Foundation.poll(
        watched.baseAddress, 2, min(duration ?? longest, longest).millisecondsRoundedUp)
      if watched[1].revents != 0 { wakeup.clear() }
      return watched[0].revents
    }
  }

  /// Whether the system takes some more bytes to send now.
  var hasRoomToSend: Bool {
    var watched = pollfd(fd: amqp_get_sockfd(state), events: Int16(POLLOUT), revents: 0)
    // An error is for the next call to find.
    return Foundation.poll(&watched, 1, 0) != 0
  }

  /// What became of the last request whose function returns its answer or nil.
  func check(_ what: String) throws(ConnectionFailure) {
    if let failure = ConnectionFailure(reply: amqp_get_rpc_reply(state), what) { throw failure }
  }
}
