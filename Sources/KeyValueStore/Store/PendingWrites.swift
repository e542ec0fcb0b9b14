/// The writes that wait for the next batch, by arrival.
struct PendingWrites {
  private var writes: [PendingWrite] = []
  private(set) var bytes = 0

  var count: Int { writes.count }

  /// The writer to lead the next batch: whoever leads is first, and so part of the batch.
  var first: PendingWrite? { writes.first }

  /// Whether a write of `weight` bytes may wait too.
  func hasRoom(for weight: Int, limits: StoreLimits) -> Bool {
    count == 0 || (count < limits.pendingWritesMax && bytes + weight <= limits.pendingBytesMax)
  }

  mutating func append(_ pending: PendingWrite) {
    bytes += pending.weight
    writes.append(pending)
  }

  /// Takes what goes into one batch: the oldest within the limits, but at least one write.
  mutating func takeBatch(limits: StoreLimits) -> [PendingWrite] {
    var taken = 0
    var batchBytes = 0
    for next in writes.prefix(limits.batchWritesMax) {
      if taken > 0, batchBytes + next.weight > limits.batchBytesMax { break }
      taken += 1
      batchBytes += next.weight
    }
    defer {
      writes.removeFirst(taken)
      bytes -= batchBytes
    }
    return Array(writes.prefix(taken))
  }
}
