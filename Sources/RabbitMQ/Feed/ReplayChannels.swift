/// Which channel of a connection replays for which watcher.
struct ReplayChannels {
  private var channels: [UInt64: UInt16] = [:]
  private var watchers: [UInt16: UInt64] = [:]
  private var last: UInt16
  private let first: UInt16

  /// Most channels at a time; a broker allows 2,047 unless told otherwise.
  static let channelsMax: UInt16 = 1_000

  /// Channels with numbers above `last`.
  init(after last: UInt16) {
    self.last = last
    first = last + 1
  }

  subscript(watcher: UInt64) -> UInt16? { channels[watcher] }

  func watcher(of channel: UInt16) -> UInt64? { watchers[channel] }

  /// A channel that is in nobody's use, nor has been for as long as possible: what was on its way
  /// when it was closed may still be read. Replays are bounded, so that there always is one.
  mutating func open(for watcher: UInt64) -> UInt16 {
    repeat {
      last = last < ReplayChannels.channelsMax ? last + 1 : first
    } while watchers[last] != nil
    channels[watcher] = last
    watchers[last] = watcher
    return last
  }

  mutating func close(for watcher: UInt64) -> UInt16? {
    guard let channel = channels.removeValue(forKey: watcher) else { return nil }
    watchers[channel] = nil
    return channel
  }
}
