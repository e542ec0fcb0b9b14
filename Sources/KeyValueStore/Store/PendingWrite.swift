/// A write that waits for its batch, and the task that waits for it.
final class PendingWrite {
  let write: Write
  let weight: Int
  /// Where its task waits; nil for a leader, who does not wait.
  var continuation: CheckedContinuation<WriteTurn, Never>?

  init(_ write: Write) {
    self.write = write
    weight = write.weight
  }
}
