/// How much waited in the queues when they were last asked.
public struct QueueDepth: Equatable, Sendable {
  /// Messages of writes that no worker has taken yet.
  public let ready: Int
  /// Messages that were put aside for good, almost always of one write each.
  public let dead: Int
}

/// Asks once a second how much waits in the queues. It runs on a connection and a thread of its
/// own, so that the depth is known even while the consumer is stuck, or reads nothing because it
/// holds enough.
struct DepthWatch: BrokerJob {
  let configuration: RabbitMQConfiguration
  let thread: BrokerThread
  /// Called with the depth, or with nil while it can't be known.
  let observed: @Sendable (QueueDepth?) -> Void

  private static let channel: UInt16 = 1
  private static let interval = Duration.seconds(1)

  func prepare(_ connection: BrokerConnection) throws(BrokerFailure) {
    try connection.openChannel(DepthWatch.channel)
  }

  func serve(_ connection: BrokerConnection) throws(BrokerFailure) -> BrokerThread.Next {
    if thread.isEnding { return .close }
    try readDepth(connection)
    while try connection.nextEvent() != nil {}
    return .wait(for: DepthWatch.interval)
  }

  private func readDepth(_ connection: BrokerConnection) throws(BrokerFailure) {
    let channel = DepthWatch.channel
    do throws(BrokerFailure) {
      observed(
        QueueDepth(
          ready: try connection.messagesReady(in: configuration.writesQueue, on: channel),
          dead: try connection.messagesReady(in: configuration.deadLetterQueue, on: channel)))
    } catch {
      // The queue does not exist yet, or is not available now.
      guard error.isOfChannel else { throw error }
      observed(nil)
      try connection.agreeToClosing(channel)
      try connection.openChannel(channel)
    }
  }

  func lost(_ cause: String) { observed(nil) }

  func end(at now: ContinuousClock.Instant) {}
}
