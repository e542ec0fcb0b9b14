package import KeyValueStore

/// The commits whose changes are not published yet, or may have to be told from commits that did
/// not take place.
package struct OutboxTable: Sendable {
  private struct Row {
    let id: OutboxID
    let changes: [Change]
    /// The last revision that the commit gave each key.
    let revisions: [Key: Revision]
    var isSettled = false
    var awaitsRepair = false

    var batch: OutboxBatch { OutboxBatch(id: id.awaitingRepair(awaitsRepair), changes: changes) }
  }

  private var rows: [Row] = []

  /// Whether there are commits that are not settled.
  package var isEmpty: Bool { rows.allSatisfy(\.isSettled) }
  /// Whether a commit waits for a repair of the cache.
  package var awaitsRepair: Bool { rows.contains(where: \.awaitsRepair) }

  mutating func append(_ batch: OutboxBatch) {
    let revisions = batch.changes.map { ($0.key, $0.revision) }
    rows.append(
      Row(
        id: batch.id!.awaitingRepair(false), changes: batch.changes,
        revisions: Dictionary(revisions) { max($0, $1) }))
  }

  /// The revision that a commit gave a key, if it took place.
  func revision(of key: Key, in id: OutboxID) -> Revision? {
    place(of: id).flatMap { rows[$0].revisions[key] }
  }

  /// The oldest commits until `time` that are not settled.
  package func unpublished(until time: Timestamp, limit: Int) -> [OutboxBatch] {
    let found = rows.filter { !$0.isSettled && $0.id.committedAt <= time }
    return found.sorted { $0.id.committedAt < $1.id.committedAt }.prefix(limit).map(\.batch)
  }

  /// Removes commits whose writers know that they took place.
  package mutating func remove(_ ids: [OutboxID]) {
    for id in ids { if let place = place(of: id) { rows.remove(at: place) } }
  }

  /// Settles commits, and remembers that they took place.
  package mutating func settle(_ ids: [OutboxID]) {
    for id in ids {
      guard let place = place(of: id) else { continue }
      rows[place].isSettled = true
      rows[place].awaitsRepair = false
    }
  }

  mutating func removeSettled(before time: Timestamp, limit: Int) -> Int {
    let old = rows.indices.filter { rows[$0].isSettled && rows[$0].id.committedAt < time }
    for place in old.prefix(limit).reversed() { rows.remove(at: place) }
    return min(old.count, limit)
  }

  package mutating func requestRepair(_ ids: [OutboxID]) {
    for id in ids {
      if let place = place(of: id), !rows[place].isSettled { rows[place].awaitsRepair = true }
    }
  }

  package func repairRequests(limit: Int) -> [OutboxBatch] {
    rows.filter(\.awaitsRepair).prefix(limit).map(\.batch)
  }

  package mutating func endRepair(_ ids: [OutboxID]) {
    for id in ids { if let place = place(of: id) { rows[place].awaitsRepair = false } }
  }

  package func areRepaired(_ ids: [OutboxID]) -> Bool {
    ids.allSatisfy { id in place(of: id).map { !rows[$0].awaitsRepair } ?? true }
  }

  private func place(of id: OutboxID) -> Int? {
    rows.firstIndex { $0.id == id.awaitingRepair(false) }
  }
}
