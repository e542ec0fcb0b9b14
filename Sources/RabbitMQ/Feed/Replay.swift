import DequeModule

/// A watcher that is behind reads the stream on a channel of its own, at its own pace, until it has
/// caught up with the others.
struct Replay {
  let channel: UInt16
  /// Received and not read: no more than the prefetch.
  private var messages: Deque<(message: StreamMessage, tag: UInt64)> = []
  /// Read and not acknowledged.
  private var lastReadTag: UInt64?
  /// Whether the connection is gone, and the channel with it.
  var isLost = false

  init(channel: UInt16) { self.channel = channel }

  mutating func receive(_ message: StreamMessage, tag: UInt64) {
    messages.append((message, tag))
  }

  var next: StreamMessage? { messages.first?.message }

  mutating func removeFirst() {
    lastReadTag = messages.removeFirst().tag
  }

  /// The tag up to which deliveries are to be acknowledged, so that more come.
  mutating func takeReadTag() -> UInt64? {
    defer { lastReadTag = nil }
    return lastReadTag
  }
}

/// Which channel of a connection replays for which watcher.
struct ReplayChannels {
  /// Most channels of a connection; a broker allows 2,047 unless it is configured otherwise.
  static let channelsMax: UInt16 = 1_000
  /// The channel that follows the end of the stream; replays have those after it.
  static let tail: UInt16 = 1
  /// The channel that sees whether the stream is still the same.
  static let probe: UInt16 = 2

  private var watchers: [UInt16: UInt64] = [:]
  private var last = probe

  func watcher(of channel: UInt16) -> UInt64? { watchers[channel] }

  /// A channel that is not in use, and was not for as long as possible: messages that were on their
  /// way when it was closed may still be read. There always is one, as replays are bounded.
  mutating func open(for watcher: UInt64) -> UInt16 {
    repeat {
      last = last < ReplayChannels.channelsMax ? last + 1 : ReplayChannels.probe + 1
    } while watchers[last] != nil
    watchers[last] = watcher
    return last
  }

  mutating func close(_ channel: UInt16) { watchers[channel] = nil }

  /// The connection is gone, and all channels with it.
  mutating func closeAll() { watchers = [:] }
}
