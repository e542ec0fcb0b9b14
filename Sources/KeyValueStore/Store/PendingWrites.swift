/// The writes that wait for the next batch, by arrival; writes of one key in a chain.
///
/// Appending costs the same however many wait, and taking a batch costs what the batch holds: a key
/// that thousands write at once does not slow down the others.
struct PendingWrites {
  /// The first waiting write of each key, by arrival.
  private var heads: [PendingWrite] = []
  /// The last waiting write of each key.
  private var tails: [Key: PendingWrite] = [:]
  private(set) var count = 0
  private(set) var bytes = 0

  /// The writer to lead the next batch: whoever leads is first, and so part of the batch.
  var first: PendingWrite? { heads.first }

  /// Whether a write of `weight` bytes may wait too.
  func hasRoom(for weight: Int, limits: StoreLimits) -> Bool {
    count == 0 || (count < limits.pendingWritesMax && bytes + weight <= limits.pendingBytesMax)
  }

  mutating func append(_ pending: PendingWrite) {
    count += 1
    bytes += pending.weight
    let key = pending.write.key
    if let tail = tails.updateValue(pending, forKey: key) {
      tail.next = pending
    } else {
      heads.append(pending)
    }
  }

  /// Takes what goes into one batch: different keys, within the limits, but at least one write.
  ///
  /// The next write of a key that is taken lines up behind the other keys.
  mutating func takeBatch(limits: StoreLimits) -> [PendingWrite] {
    var taken = 0
    var batchBytes = 0
    for head in heads {
      if taken == limits.batchWritesMax { break }
      if taken > 0, batchBytes + head.weight > limits.batchBytesMax { break }
      taken += 1
      batchBytes += head.weight
    }
    let batch = Array(heads.prefix(taken))
    heads.removeFirst(taken)
    for pending in batch {
      if let next = pending.next {
        pending.next = nil
        heads.append(next)
      } else {
        tails[pending.write.key] = nil
      }
    }
    count -= taken
    bytes -= batchBytes
    return batch
  }
}
