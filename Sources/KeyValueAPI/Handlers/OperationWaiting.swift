import KeyValueStore

// `Prefer: respond-async, wait=N`.
extension APIHandler {
  /// Looks at a queued operation, less and less often, until it is decided or the client has waited
  /// long enough.
  func outcome(
    of id: OperationID, _ write: Write, by principal: Principal, waiting limit: Duration
  ) async -> Settlement {
    var left = limit
    var step = Duration.milliseconds(5)
    while left > .zero {
      let pause = min(step, left)
      await surroundings.pause(pause)
      left -= pause
      step = min(step * 2, .milliseconds(200))
      do throws(StoreError) {
        // No record yet: it is written together with the entry.
        guard let record = try await store.operation(id, ofAny: [principal.owner]),
          record.state != .queued
        else { continue }
        guard let outcome = await outcome(record, write) else { break }
        return .final(WriteReceipt(outcome: outcome))
      } catch {
        // A look that fails decides nothing: the write is safe, and 202 stays true.
        break
      }
    }
    return .queued(id)
  }

  /// What a record says in the words of a write; nil if it has none for it: the client then reads
  /// the record itself.
  private func outcome(_ record: OperationRecord, _ write: Write) async -> WriteOutcome? {
    switch (record.state, write.mutation) {
    case (.applied, .put):
      // The record keeps no metadata: they are the entry's, unless it has been replaced meanwhile.
      guard let entry = try? await store.readApplied(write.key).entry,
        entry.metadata.revision == record.revision
      else { return nil }
      return .stored(entry.metadata)
    case (.applied, .delete):
      guard (try? await store.readApplied(write.key)) != nil else { return nil }
      // One that found nothing has no revision.
      return record.revision.map { .deleted($0) } ?? .notFound
    case (.preconditionFailed, _): return .preconditionFailed(current: record.revision)
    case (.queued, _), (.superseded, _), (.failed, _): return nil
    }
  }
}
