/// What a database holds of one key, and how writes change it. Of the value it knows only which
/// integer it is.
///
/// These are the rules of revisions, versions, expiry and conditions for every database that reads
/// a key before it writes it. There is no I/O and no clock here: the caller holds the key's lock
/// and passes the time.
public struct KeyState: Equatable, Sendable {
  public let key: Key
  /// The revision of the entry or the tombstone; `.none` where the key was never written.
  public private(set) var revision: Revision
  /// The revision of the key's last change: an earlier one than `revision` after a queued delete
  /// that found nothing. `.none`: it has not been changed since tombstones are kept; nil: that is
  /// not known.
  public private(set) var lastChange: Revision?
  /// The entry, live or expired; nil: the key has a tombstone, or nothing at all.
  public private(set) var entry: Metadata?
  /// The integer whose text is the entry's value; nil: it is none.
  private var integer: Int64?

  /// `smallValue`: the entry's value, if it has at most `Int64.textBytesMax` bytes.
  public init(
    key: Key, revision: Revision, lastChange: Revision?, entry: Metadata? = nil,
    smallValue: [UInt8]? = nil
  ) {
    self.key = key
    self.revision = revision
    self.lastChange = lastChange
    self.entry = entry
    integer = smallValue.flatMap { Int64(valueText: $0) }
  }

  /// A key of which nothing is stored.
  public init(key: Key) { self.init(key: key, revision: .none, lastChange: Revision.none) }

  /// The entry, unless it has expired.
  public func live(at now: Timestamp) -> Metadata? {
    entry.flatMap { $0.isExpired(at: now) ? nil : $0 }
  }

  /// Writes at `now`, after all earlier writes of the key.
  public mutating func write(_ write: Write, at now: Timestamp) -> WriteOutcome {
    self.write(write, as: revision.next(at: now), at: now, livingFrom: now)
  }

  /// Writes at `now`, as `write`. The receipt says what the change follows.
  public mutating func make(_ write: Write, at now: Timestamp) -> WriteReceipt {
    let previous = lastChange
    let outcome = self.write(write, at: now)
    return WriteReceipt(outcome: outcome, previous: outcome.hasWritten ? previous : nil)
  }

  /// Applies a queued write at `now`, with the time of its acceptance as its revision, unless the
  /// key has that revision or a newer one. The time to live counts from the acceptance, too, so
  /// that the entry may have expired already.
  ///
  /// A delete that finds nothing sets the key's revision all the same: a put that was accepted
  /// before it, and is delivered after it, must not bring the key back. Where neither an entry nor
  /// a tombstone is left, a write accepted before `tombstonesSince`, the oldest time whose
  /// tombstones are kept, is superseded: the key may have had a newer tombstone.
  ///
  /// An acceptance after `now` comes from a clock that was wrong. Such a write gets a revision of
  /// `now`: one from the future would supersede all writes that are accepted until then.
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
    let previous = lastChange
    let outcome = write(
      queued.write, as: place, at: now, livingFrom: isAhead ? now : queued.acceptedAt)
    switch outcome {
    case .stored, .added, .deleted:
      return AppliedWrite(
        record: record(queued, .applied, place, now), outcome: outcome, previous: previous)
    case .notFound:
      // An expired entry stays, because its `expire` event has not been published yet.
      revision = place
      return AppliedWrite(record: record(queued, .applied, nil, now), outcome: outcome)
    case .preconditionFailed(let current):
      return AppliedWrite(
        record: record(queued, .preconditionFailed, current, now), outcome: outcome)
    case .addRefused:
      preconditionFailure("A patch is never queued")
    case .idempotencyMismatch:
      preconditionFailure("Idempotency keys are not checked here")
    }
  }

  /// Turns an expired entry into a tombstone; nil: there is no entry, or it has not expired.
  ///
  /// The tombstone's revision is the time of the expiry and not `now`, so that a queued write that
  /// was accepted between the two still applies.
  public mutating func expire(at now: Timestamp) -> Change? {
    guard let expiresAt = entry?.expiresAt, expiresAt <= now else { return nil }
    let previous = lastChange
    revision = revision.next(at: expiresAt)
    (lastChange, entry) = (revision, nil)
    return Change(key: key, revision: revision, kind: .expire, previous: previous)
  }

  /// More than the clocks of a database's servers may differ, in seconds: one server may remove a
  /// tombstone and another one search for it.
  private static let clockMargin: Int64 = 1

  /// How far an acceptance may lie ahead of `now`, in µs, and still become the revision: as far as
  /// synchronized clocks of a database's servers may differ.
  private static let aheadMax: Int64 = 10_000

  private mutating func write(
    _ write: Write, as next: Revision, at now: Timestamp, livingFrom start: Timestamp
  ) -> WriteOutcome {
    let live = live(at: now)
    guard write.condition.holds(for: live?.revision) else {
      return .preconditionFailed(current: live?.revision)
    }
    switch write.mutation {
    case .delete:
      if live == nil { return .notFound }
      (revision, lastChange, entry, integer) = (next, next, nil, nil)
      return .deleted(next)
    case .put(let value, let contentType, let timeToLive):
      let metadata = Metadata(
        key: key, revision: next, version: (live?.version ?? 0) + 1, size: value.count,
        contentType: contentType, createdAt: live?.createdAt ?? now, updatedAt: now,
        expiresAt: timeToLive.map { start.adding(seconds: $0) })
      (revision, lastChange, entry) = (next, next, metadata)
      integer = Int64(valueText: value)
      return .stored(metadata)
    case .patch(let patch): return self.patch(patch, live, as: next, at: now)
    }
  }

  private mutating func patch(
    _ patch: Patch, _ live: Metadata?, as next: Revision, at now: Timestamp
  ) -> WriteOutcome {
    var sum: Int64?
    if let amount = patch.amount {
      guard let base = live == nil ? 0 : integer else { return .addRefused(.notAnInteger) }
      let (result, hasOverflown) = base.addingReportingOverflow(amount)
      if hasOverflown { return .addRefused(.overflow) }
      sum = result
    } else if live == nil {
      return .notFound
    }
    let metadata = Metadata(
      key: key, revision: next, version: (live?.version ?? 0) + 1,
      size: sum?.valueText.count ?? live?.size ?? 0,
      contentType: patch.contentType ?? live?.contentType ?? Patch.newContentType,
      createdAt: live?.createdAt ?? now, updatedAt: now,
      expiresAt: patch.expiresAt(live?.expiresAt, now: now))
    (revision, lastChange, entry) = (next, next, metadata)
    guard let sum else { return .stored(metadata) }
    integer = sum
    return .added(metadata, sum: sum)
  }

  /// The value that `write` has stored, if it has changed this state; nil: the entry, if there is
  /// one, has the value that it had.
  public func value(storedBy write: Write) -> [UInt8]? {
    switch write.mutation {
    case .put(let value, _, _): value
    case .patch(let patch) where patch.amount != nil: integer?.valueText
    case .patch, .delete: nil
    }
  }

  private func record(
    _ queued: QueuedWrite, _ state: OperationRecord.State, _ revision: Revision?, _ now: Timestamp
  ) -> OperationRecord {
    OperationRecord(id: queued.id, state: state, revision: revision, updatedAt: now)
  }
}
