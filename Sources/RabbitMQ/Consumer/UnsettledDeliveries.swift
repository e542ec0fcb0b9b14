import DequeModule

/// Deliveries of one connection that the broker waits to hear of, and how to tell it in few words:
/// one acknowledgement for all deliveries from the oldest on that are done.
struct UnsettledDeliveries {
  /// What to tell the broker.
  enum Word: Equatable {
    case acknowledge(UInt64, multiple: Bool)
    case refuse(UInt64, requeue: Bool)
  }

  private enum Fate {
    case unsettled
    /// Not told yet.
    case done
    case told
  }

  private var fates: Deque<Fate> = []
  private var firstTag: UInt64 = 1

  /// How many there are, with some that were settled out of order.
  var count: Int { fates.count }

  /// The next delivery has come.
  mutating func append() { fates.append(.unsettled) }

  /// The next connection counts from 1 again.
  mutating func reset() {
    fates.removeAll(keepingCapacity: true)
    firstTag = 1
  }

  /// Whether a delivery waits to be settled; a second time does no harm, and no good.
  private func isUnsettled(_ tag: UInt64) -> Bool {
    guard tag >= firstTag, tag - firstTag < UInt64(fates.count) else { return false }
    return fates[Int(tag - firstTag)] == .unsettled
  }

  mutating func acknowledge(_ tags: some Sequence<UInt64>) -> [Word] {
    var done: [UInt64] = []
    for tag in tags where isUnsettled(tag) {
      fates[Int(tag - firstTag)] = .done
      done.append(tag)
    }
    // The last one that the broker has not been told of: one that it knows of is no place for
    // "all up to here" to end, and closes the channel.
    var last: UInt64?
    while let fate = fates.first, fate != .unsettled {
      if fate == .done { last = firstTag }
      fates.removeFirst()
      firstTag += 1
    }
    var words = last.map { [Word.acknowledge($0, multiple: true)] } ?? []
    for tag in done where tag >= firstTag {
      fates[Int(tag - firstTag)] = .told
      words.append(.acknowledge(tag, multiple: false))
    }
    return words
  }

  mutating func refuse(_ tags: some Sequence<UInt64>, requeue: Bool) -> [Word] {
    var words: [Word] = []
    for tag in tags where isUnsettled(tag) {
      fates[Int(tag - firstTag)] = .told
      words.append(.refuse(tag, requeue: requeue))
    }
    while let fate = fates.first, fate != .unsettled {
      fates.removeFirst()
      firstTag += 1
    }
    return words
  }
}
