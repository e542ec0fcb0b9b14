package import KeyValueStore

/// Every state that the database has given a key, as it was: the truth that answers are compared
/// with.
package final class Ledger {
  /// A state of a key, from its commit to the next one.
  package struct Version: Equatable {
    package let change: Change
    /// Nil: a tombstone.
    package let value: [UInt8]?
    /// When it was committed, in moments and by the database's clock.
    package let moment: Int
    package let time: Timestamp

    package var revision: Revision { change.revision }

    package var expiresAt: Timestamp? {
      if case .put(let metadata) = change.kind { metadata.expiresAt } else { nil }
    }

    /// Whether it is an entry at `time`.
    package func isLive(at time: Timestamp) -> Bool {
      value != nil && expiresAt.map { time < $0 } ?? true
    }
  }

  /// In the order of the commits.
  package private(set) var versions: [Key: [Version]] = [:]
  package private(set) var keys: [Key] = []

  /// A commit has taken place.
  func record(_ changes: [Tables.Committed], moment: Int, time: Timestamp) {
    for committed in changes {
      let key = committed.change.key
      if versions[key] == nil { keys.append(key) }
      versions[key, default: []].append(
        Version(change: committed.change, value: committed.value, moment: moment, time: time))
    }
  }

  /// The states that a key had between two moments.
  package func states(of key: Key, from first: Int, to last: Int) -> ArraySlice<Version> {
    guard let all = versions[key] else { return [] }
    let begin = all.lastIndex { $0.moment <= first } ?? 0
    let end = all.firstIndex { $0.moment > last } ?? all.endIndex
    return begin < end ? all[begin..<end] : []
  }
}
