import KeyValueStore

/// Who is to be told what, once the publisher's lock is released: resuming takes the lock of each
/// caller's loop.
struct PublisherAnswers: Sendable {
  private var callers: [(caller: PendingWrite.Caller, answer: StoreError?)] = []
  private var settled: [OutboxID] = []

  mutating func add(_ caller: PendingWrite.Caller, _ answer: StoreError?) {
    callers.append((caller, answer))
  }

  mutating func add(_ settlements: [Settlement]) {
    for settlement in settlements where settlement.isLastPiece() { settled.append(settlement.id) }
  }

  func give(_ published: PublishedChanges?) {
    // First: who waits for the flush may look for them.
    if !settled.isEmpty { published?.add(settled) }
    for (caller, answer) in callers { caller.resume(returning: answer) }
  }
}
