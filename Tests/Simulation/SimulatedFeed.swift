package import KeyValueStore

/// The change feed of a run: what was published, in order.
package final class SimulatedFeed {
  package let stage: Stage
  /// Whether nobody reaches it.
  package var isDown = false
  package let log = FeedLog()

  package init(on stage: Stage) { self.stage = stage }

  func append(_ changes: [Change]) {
    log.append(changes)
    let names = changes.map { "\($0.key.text) \($0.revision.number)" }
    stage.note("  published \(names.joined(separator: ", "))")
  }
}

/// A process's way into the feed: what it publishes is sent in order, and again until it is
/// confirmed.
package class FeedConnection: ChangeFeed {
  private let feed: SimulatedFeed
  private let process: Process
  private let database: DatabaseConnection
  /// What is not confirmed, in order.
  private var waiting: [Piece] = []
  private var isSending = false
  private var flushes: [CheckedContinuation<Void, Never>] = []

  private struct Piece {
    let changes: [Change]
    let id: OutboxID?
  }

  /// - Parameter database: whose outbox is settled by what is confirmed.
  package required init(
    to feed: SimulatedFeed, of process: Process, settlingIn database: DatabaseConnection
  ) {
    self.feed = feed
    self.process = process
    self.database = database
  }

  package func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    if changes.isEmpty { return }
    let stage = process.stage
    if feed.isDown || !process.isAlive || stage.chance.oneIn(stage.odds.refusedMessages) {
      throw .unavailable(cause: "no feed", retryAfter: 1)
    }
    waiting.append(Piece(changes: changes, id: id))
    if isSending { return }
    isSending = true
    stage.spawn { await self.send() }
  }

  /// Sends one piece after the other.
  private func send() async {
    let stage = process.stage
    let (odds, chance) = (stage.odds, stage.chance)
    while process.isAlive, let piece = waiting.first {
      await stage.travel()
      // What a process has sent before its death may arrive.
      if !process.isAlive, chance.oneIn(2) { break }
      if feed.isDown || chance.oneIn(odds.refusedMessages) {
        // A negative confirm, or none: it is sent again.
        if takesRefusals { confirmed() }
        await stage.simulator.pause(for: chance.milliseconds(10...200))
        continue
      }
      feed.append(piece.changes)
      await stage.travel()
      if chance.oneIn(odds.lostConfirms) { continue }
      confirmed()
    }
    isSending = false
    for flush in flushes { flush.resume() }
    flushes = []
  }

  /// Whether a refusal is taken for a confirm.
  var takesRefusals: Bool { false }

  private func confirmed() {
    if let id = waiting.removeFirst().id, process.isAlive { settle(id) }
  }

  final func settle(_ id: OutboxID) {
    database.published.add([id])
    let stage = process.stage
    stage.spawn {
      await stage.simulator.pause(for: stage.chance.milliseconds(0...250))
      await self.database.settlePublished()
    }
  }

  package func flush() async throws(StoreError) {
    if isSending { await withCheckedContinuation { flushes.append($0) } }
    guard process.isAlive else { throw .unavailable(cause: "no feed", retryAfter: 1) }
  }

  package func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    try await feed.log.subscribe(after: position)
  }
}
