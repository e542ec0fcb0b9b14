/// What a database holds of one key, its value aside, and what writes make of that.
///
/// The rules of revisions, versions, expiry and conditions for every database that reads a key
/// before it writes it. No I/O, no clock: the caller holds the key's lock and tells the time.
public struct KeyState: Equatable, Sendable {
  /// The key.
  public let key: Key
  /// The revision of the entry or the tombstone; `.none` where the key was never written.
  public private(set) var revision: Revision
  /// The entry, live or expired; nil: there is a tombstone or nothing at all.
  public private(set) var entry: Metadata?

  /// The state as it was read.
  public init(key: Key, revision: Revision = .none, entry: Metadata? = nil) {
    self.key = key
    self.revision = revision
    self.entry = entry
  }

  /// The entry, unless its time is over.
  public func live(at now: Timestamp) -> Metadata? {
    entry.flatMap { $0.isExpired(at: now) ? nil : $0 }
  }

  /// Carries out a write at `now`, after whatever was written before.
  public mutating func apply(_ write: Write, at now: Timestamp) -> WriteOutcome {
    carryOut(write, as: revision.next(at: now), at: now, livingFrom: now)
  }

  /// Applies a queued write at `now`, in the place of its acceptance, unless something as new was
  /// written. Its time to live began with its acceptance, too: what it stores may have expired.
  ///
  /// A delete that finds nothing takes its place all the same: a put that was accepted before it,
  /// and is delivered after it, must not bring the key back. Where neither an entry nor a tombstone
  /// is left, a write from before `tombstonesSince`, the oldest time whose tombstones are kept, is
  /// superseded: there may have been one that was newer.
  ///
  /// No acceptance lies after `now`, unless by a clock that was wrong. Such a write takes the place
  /// of now: a revision from the future would supersede whatever is accepted until then.
  public mutating func apply(
    _ queued: QueuedWrite, at now: Timestamp, tombstonesSince: Timestamp
  ) -> AppliedWrite {
    let accepted = Revision(queued.acceptedAt.microseconds)
    let isProven =
      revision != .none || queued.acceptedAt > tombstonesSince.adding(seconds: Self.clockMargin)
    guard revision < accepted, isProven else {
      let newer = revision == .none ? nil : revision
      return AppliedWrite(record: record(queued, .superseded, newer, now), outcome: nil)
    }
    let isAhead = queued.acceptedAt > now.adding(microseconds: Self.aheadMax)
    let place = isAhead ? revision.next(at: now) : accepted
    let outcome = carryOut(
      queued.write, as: place, at: now, livingFrom: isAhead ? now : queued.acceptedAt)
    switch outcome {
    case .stored, .deleted:
      return AppliedWrite(record: record(queued, .applied, place, now), outcome: outcome)
    case .notFound:
      // An expired entry stays: its end is still to be announced.
      revision = place
      return AppliedWrite(record: record(queued, .applied, nil, now), outcome: outcome)
    case .preconditionFailed(let current):
      return AppliedWrite(
        record: record(queued, .preconditionFailed, current, now), outcome: outcome)
    case .idempotencyMismatch:
      preconditionFailure("No write is compared with another one here")
    }
  }

  /// Turns an entry whose time is over into a tombstone; nil: there is none, or its time is not
  /// over.
  ///
  /// Nobody has written the key now: the revision is that of the expiry, so that a queued write
  /// accepted since still applies.
  public mutating func expire(at now: Timestamp) -> Change? {
    guard let expiresAt = entry?.expiresAt, expiresAt <= now else { return nil }
    revision = revision.next(at: expiresAt)
    entry = nil
    return Change(key: key, revision: revision, kind: .expire)
  }

  /// How far apart the clocks of a database's servers may be, in seconds, with room to spare:
  /// tombstones are removed by one of them, and looked for by another.
  private static let clockMargin: Int64 = 1

  /// How far an acceptance may be ahead, in µs: by as much as the clocks of a database's servers
  /// differ while they are kept in time. Then its own place serves the order best.
  private static let aheadMax: Int64 = 10_000

  private mutating func carryOut(
    _ write: Write, as next: Revision, at now: Timestamp, livingFrom start: Timestamp
  ) -> WriteOutcome {
    let live = live(at: now)
    guard write.condition.holds(for: live?.revision) else {
      return .preconditionFailed(current: live?.revision)
    }
    switch write.mutation {
    case .delete:
      if live == nil { return .notFound }
      (revision, entry) = (next, nil)
      return .deleted(next)
    case .put(let value, let contentType, let timeToLive):
      let metadata = Metadata(
        key: key, revision: next, version: (live?.version ?? 0) + 1, size: value.count,
        contentType: contentType, createdAt: live?.createdAt ?? now, updatedAt: now,
        expiresAt: timeToLive.map { start.adding(seconds: $0) })
      (revision, entry) = (next, metadata)
      return .stored(metadata)
    }
  }

  private func record(
    _ queued: QueuedWrite, _ state: OperationRecord.State, _ revision: Revision?, _ now: Timestamp
  ) -> OperationRecord {
    OperationRecord(id: queued.id, state: state, revision: revision, updatedAt: now)
  }
}

extension WriteOutcome {
  /// The change that the outcome of a write of `key` tells of; nil: nothing was written.
  public func change(of key: Key) -> Change? {
    switch self {
    case .stored(let metadata):
      Change(key: key, revision: metadata.revision, kind: .put(metadata))
    case .deleted(let revision): Change(key: key, revision: revision, kind: .delete)
    case .notFound, .preconditionFailed, .idempotencyMismatch: nil
    }
  }
}
