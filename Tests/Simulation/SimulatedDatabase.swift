package import KeyValueStore

/// The database of a run: one server that makes one commit at a time.
package final class SimulatedDatabase {
  package let stage: Stage
  package private(set) var tables = Tables()
  /// Whether no call reaches it.
  package var isDown = false

  /// The database refuses every write of this key, for good.
  static let refusedKey = Key(trusted: Array("refused".utf8))

  package init(on stage: Stage) { self.stage = stage }

  package var now: Timestamp { stage.databaseTime }

  /// A name for a commit that begins now.
  func makeID() -> OutboxID {
    OutboxID(committedAt: now, number: Int64(stage.chance.next() >> 1))
  }

  /// Makes a commit. Returns its name, too, if it has changed anything.
  func commit<Result>(
    as id: OutboxID, _ body: (inout Tables, Timestamp) -> Result
  ) -> (result: Result, id: OutboxID?) {
    let time = now
    let (result, changes) = tables.commit(as: id) { body(&$0, time) }
    guard !changes.isEmpty else { return (result, nil) }
    stage.ledger.record(changes, moment: stage.nextMoment(), time: time)
    for change in changes.map(\.change) {
      stage.note("  committed \(change.key.text) \(change.revision.number) \(change.kind.word)")
    }
    return (result, id)
  }

  /// Changes what is no entry.
  func change(_ body: (inout Tables) -> Void) {
    body(&tables)
    if tables.outbox.awaitsRepair { wakeRepairers() }
  }

  // MARK: Repairers

  private var repairers: [CheckedContinuation<Void, Never>] = []

  /// Returns when a process has asked others to repair the cache. Polling finds that, too, but most
  /// of the time it finds nothing.
  func untilRepairIsRequested() async {
    if tables.outbox.awaitsRepair { return }
    await withCheckedContinuation { repairers.append($0) }
  }

  package func wakeRepairers() {
    let woken = repairers
    repairers = []
    for repairer in woken { repairer.resume() }
  }
}

/// The database's clock as a process knows it: see `DatabaseClock` in Postgres.
struct HeardClock {
  private var reading: (time: Timestamp, heard: Duration)?

  func now(at elapsed: Duration) -> Timestamp? {
    reading.map { $0.time.adding(microseconds: (elapsed - $0.heard).microseconds) }
  }

  /// Takes a reading of a call at whose beginning this clock said `least`.
  mutating func hear(_ time: Timestamp, least: Timestamp?, at elapsed: Duration) {
    if let known = now(at: elapsed), let least, time >= least, time <= known { return }
    reading = (time, elapsed)
  }
}

extension Change.Kind {
  var word: String {
    switch self {
    case .put(let metadata): "put v\(metadata.version)"
    case .delete: "delete"
    case .expire: "expire"
    }
  }
}
