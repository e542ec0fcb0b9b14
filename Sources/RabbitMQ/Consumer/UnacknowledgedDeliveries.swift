import DequeModule

/// The deliveries of one connection that the broker has not heard of yet, and how to tell it with
/// few methods: one acknowledgement covers all finished deliveries from the oldest on.
struct UnacknowledgedDeliveries {
  /// What the broker is told.
  enum Reply: Equatable {
    case acknowledge(UInt64, multiple: Bool)
    case reject(UInt64)
  }

  private enum Fate {
    case open
    /// Acknowledged, and the broker was not told.
    case done
    case told
  }

  private var fates: Deque<Fate> = []
  private var firstTag: UInt64 = 1

  /// How many there are, including some that were finished out of order.
  var count: Int { fates.count }

  /// The next delivery has come.
  mutating func append() { fates.append(.open) }

  /// A new connection counts from 1 again.
  mutating func reset() {
    fates.removeAll(keepingCapacity: true)
    firstTag = 1
  }

  /// False for a tag that never came or is finished: a second time has no effect.
  private func isOpen(_ tag: UInt64) -> Bool {
    guard tag >= firstTag, tag - firstTag < UInt64(fates.count) else { return false }
    return fates[Int(tag - firstTag)] == .open
  }

  mutating func acknowledge(_ tags: some Sequence<UInt64>) -> [Reply] {
    var done: [UInt64] = []
    for tag in tags where isOpen(tag) {
      fates[Int(tag - firstTag)] = .done
      done.append(tag)
    }
    // "All up to here" must end at a delivery that the broker was not told of: it closes the
    // channel when it gets a tag that it does not know any more.
    var last: UInt64?
    while let fate = fates.first, fate != .open {
      if fate == .done { last = firstTag }
      removeFirst()
    }
    var replies = last.map { [Reply.acknowledge($0, multiple: true)] } ?? []
    for tag in done where tag >= firstTag {
      fates[Int(tag - firstTag)] = .told
      replies.append(.acknowledge(tag, multiple: false))
    }
    return replies
  }

  mutating func reject(_ tags: some Sequence<UInt64>) -> [Reply] {
    var replies: [Reply] = []
    for tag in tags where isOpen(tag) {
      fates[Int(tag - firstTag)] = .told
      replies.append(.reject(tag))
    }
    while let fate = fates.first, fate != .open { removeFirst() }
    return replies
  }

  private mutating func removeFirst() {
    fates.removeFirst()
    firstTag += 1
  }
}
