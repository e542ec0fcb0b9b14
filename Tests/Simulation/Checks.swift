internal import KeyValueStore

/// A promise that a run has broken.
package struct Violation: Equatable, Sendable, CustomStringConvertible {
  package let promise: Promise
  package let key: String
  /// What shows it.
  package let evidence: String

  package enum Promise: String, CaseIterable, Sendable {
    case ends = "every request is answered, and the system settles"
    case freshReads = "a fresh read returns what the key holds while it is asked"
    case reads = "a read returns nothing older than what was acknowledged before it"
    case writes = "an acknowledged write took effect as its answer says"
    case once = "a write takes effect at most once, and not at all if it failed"
    case queued = "an accepted write is applied, unless something newer was written"
    case revisions = "revisions of a key grow: nothing comes back"
    case conditions = "a condition was true when the write took effect"
    case events = "every change is in the feed, and nothing else"
    case names = "requests with one name have one outcome, for those with the same permissions"
  }

  package var description: String { "\(promise.rawValue): \(key): \(evidence)" }
}

extension Run {
  /// What the run has broken.
  package var violations: [Violation] {
    if let obstacle { return [Violation(promise: .ends, key: "", evidence: obstacle)] }
    var checker = Checker(self)
    checker.check()
    return checker.violations
  }
}

/// Compares what clients were told with what the database did.
struct Checker {
  let history: [Exchange]
  let ledger: Ledger
  let tables: Tables
  let published: [Change]
  /// Everything that was committed before has been published.
  let settled: Int
  /// Whether more than a day has passed, after which names and operations are forgotten.
  let hasLeapt: Bool
  private(set) var violations: [Violation] = []

  init(_ run: Run) {
    history = run.history
    ledger = run.stage.ledger
    tables = run.services.database.tables
    published = run.services.feed.log.changes
    settled = run.settled
    hasLeapt = run.plan.leapAfter != nil
  }

  mutating func check() {
    for exchange in history {
      switch exchange.request.action {
      case .read, .freshRead: checkRead(exchange)
      default: checkWrite(exchange)
      }
    }
    checkRevisions()
    checkEvents()
    checkNames()
  }

  mutating func report(_ promise: Violation.Promise, _ key: Key, _ evidence: String) {
    violations.append(Violation(promise: promise, key: key.text, evidence: evidence))
  }

  func versions(of key: Key) -> [Ledger.Version] { ledger.versions[key] ?? [] }

  // MARK: Reads

  private mutating func checkRead(_ exchange: Exchange) {
    guard case .read(let reading) = exchange.answer else { return }
    let isFresh = exchange.request.action == .freshRead
    let key = exchange.request.name
    let all = versions(of: key)
    var first: Int?
    if isFresh {
      first = all.lastIndex { $0.moment < exchange.began }
    } else {
      first = acknowledged(key, before: exchange.began)
    }
    let states = all[(first ?? 0)...].prefix { $0.moment < exchange.ended }
    // A node's clock may be behind the database's.
    let slack: Int64 = isFresh ? 0 : 100_000
    let isRight: Bool
    if let entry = reading.entry {
      isRight = states.contains {
        $0.revision == entry.metadata.revision && $0.value == entry.value
          && $0.isLive(at: exchange.beganAt.adding(microseconds: -slack))
      }
    } else {
      isRight = first == nil || states.contains { !$0.isLive(at: exchange.endedAt) }
    }
    if isRight { return }
    let allowed = states.map { "\($0.change.revision.number) \($0.change.kind.word)" }
    report(
      isFresh ? .freshReads : .reads, key,
      "\(exchange.request.number) got \(exchange.answer), and may have got \(allowed)")
  }

  /// The newest version that was acknowledged before a moment.
  private func acknowledged(_ key: Key, before moment: Int) -> Int? {
    var newest = Revision.none
    for exchange in history where exchange.ended < moment {
      for revision in exchange.revisions(of: key) { newest = max(newest, revision) }
    }
    return versions(of: key).lastIndex { $0.revision <= newest }
  }

  // MARK: Writes

  private mutating func checkWrite(_ exchange: Exchange) {
    let request = exchange.request
    for key in request.written {
      let all = versions(of: key)
      for revision in exchange.revisions(of: key) {
        guard let place = all.firstIndex(where: { $0.revision == revision }) else {
          report(.writes, key, "\(request.number) got \(exchange.answer), which never was")
          continue
        }
        checkAcknowledged(exchange, as: all[place], after: place > 0 ? all[place - 1] : nil)
      }
      if request.isPut { checkCount(exchange, key, all.count { $0.value == request.value }) }
      if case .queued(let id) = exchange.answer { checkQueued(exchange, id, all) }
    }
  }

  private mutating func checkAcknowledged(
    _ exchange: Exchange, as version: Ledger.Version, after previous: Ledger.Version?
  ) {
    let request = exchange.request
    let isReplayed = exchange.isReplayed
    let isTimely =
      version.moment < exchange.ended && (isReplayed || version.moment > exchange.began)
    var isRight = isTimely && (!request.isPut || version.value == request.value)
    if request.action == .delete { isRight = isRight && version.value == nil }
    if !isRight {
      report(.writes, version.change.key, "\(request.number) got \(exchange.answer)")
    }
    let live = previous.flatMap { $0.isLive(at: version.time) ? $0 : nil }
    switch request.action {
    case .putIfAbsent where live != nil, .putIfUnchanged where live?.revision != exchange.expected:
      report(
        .conditions, version.change.key,
        "\(request.number) got \(exchange.answer) after \(live?.revision.number ?? 0)")
    case .add(let amount):
      let base = live.map { Int64(valueText: $0.value ?? []) ?? 0 } ?? 0
      if Int64(valueText: version.value ?? []) != base + amount {
        report(.conditions, version.change.key, "\(request.number) got \(exchange.answer)")
      }
    default: break
    }
  }

  private mutating func checkCount(_ exchange: Exchange, _ key: Key, _ count: Int) {
    let isNamed = if case .named = exchange.request.action { true } else { false }
    // Also to be made for the other requests with its name.
    var expected = isNamed && hasLeapt ? 0...2 : 0...1
    switch exchange.answer {
    case .failed(.outcomeUnknown), .vanished, .queued: break
    case .failed: if !isNamed { expected = 0...0 }
    case .decided(let receipt):
      if !isNamed { expected = receipt.outcome.hasWritten ? 1...1 : 0...0 }
    case .executed, .read: break
    }
    if !expected.contains(count) {
      report(
        .once, key, "\(exchange.request.number) took effect \(count) times: \(exchange.answer)")
    }
  }

  private mutating func checkQueued(
    _ exchange: Exchange, _ id: OperationID, _ all: [Ledger.Version]
  ) {
    let request = exchange.request
    if hasLeapt { return }
    let count = request.isPut ? all.count { $0.value == request.value } : nil
    let record = tables.operations[id]
    // The acceptance is the database's time as the node knew it.
    let start = exchange.beganAt.adding(microseconds: -100_000)
    let isOvertaken =
      all.contains { $0.time >= start }
      || history.contains {
        $0.request.isDelete && $0.request.key == request.key
          && $0.request.number != request.number && $0.endedAt >= start
      }
    let isRight =
      switch record?.state {
      case .applied: count == nil || count == 1
      case .superseded: (count ?? 0) == 0 && isOvertaken
      case .preconditionFailed: (count ?? 0) == 0
      case .failed: request.name == SimulatedDatabase.refusedKey && count == 0
      case .queued, nil: false
      }
    if !isRight {
      let state = record?.state.rawValue ?? "unknown"
      report(
        .queued, request.name,
        "\(request.number) is \(state) and took effect \(count ?? 0) times")
    }
  }

  // MARK: The whole

  private mutating func checkRevisions() {
    for key in ledger.keys {
      for (version, next) in zip(versions(of: key), versions(of: key).dropFirst())
      where next.revision <= version.revision {
        report(.revisions, key, "\(next.revision.number) came after \(version.revision.number)")
      }
    }
  }

  private mutating func checkEvents() {
    let events = Set(published.map { "\($0.key.text) \($0.revision.number)" })
    var all: Set<String> = []
    for key in ledger.keys {
      for version in versions(of: key) {
        let name = "\(key.text) \(version.revision.number)"
        all.insert(name)
        if version.moment < settled, !events.contains(name) {
          report(.events, key, "no event of \(name)")
        }
      }
    }
    for extra in events.subtracting(all).sorted() {
      report(.events, Key(trusted: []), "an event of \(extra), which never was")
    }
  }

  private mutating func checkNames() {
    if hasLeapt { return }
    var permissions: [String: UInt8] = [:]
    for exchange in history {
      guard case .named(let first, let held) = exchange.request.action,
        case .decided(let receipt) = exchange.answer, receipt.outcome != .idempotencyMismatch
      else { continue }
      let name = "n\(first)"
      if let other = permissions[name], other != held {
        report(.names, exchange.request.name, "\(exchange.request.number) got \(exchange.answer)")
      }
      permissions[name] = held
    }
  }
}

extension Exchange {
  var isReplayed: Bool {
    switch answer {
    case .decided(let receipt): receipt.isReplayed
    case .executed(let receipt): receipt.isReplayed
    default: false
    }
  }

  /// The revisions that a client was told its writes of a key have.
  func revisions(of key: Key) -> [Revision] {
    switch answer {
    case .decided(let receipt) where request.name == key:
      return receipt.outcome.revision.map { [$0] } ?? []
    case .executed(let receipt):
      guard case .completed(let outcomes) = receipt.outcome else { return [] }
      return outcomes.compactMap { outcome in
        guard case .write(.stored(let metadata)) = outcome, metadata.key == key else { return nil }
        return metadata.revision
      }
    default: return []
    }
  }
}
