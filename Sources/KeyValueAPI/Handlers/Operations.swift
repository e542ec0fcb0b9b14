import Basics
import HTTP
import KeyValueStore

// GET /operations/{id}.
extension APIHandler {
  func getOperation(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let unknown = Problem(
      .operationNotFound, "Operations are kept for 24 hours; take the id from the 202's Location.")
    let text = String(decoding: request.route.parameter(in: request.head.path), as: UTF8.self)
    guard let id = OperationID(text) else { throw unknown }
    let found: OperationRecord?
    do throws(StoreError) {
      found = try await store.operation(id, ofAny: owners(seenBy: request.principal))
    } catch {
      throw Problem(error)
    }
    guard let record = found else { throw unknown }
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("operation")
    writer.string(record.id.text)
    writer.name("status")
    writer.string(record.state.rawValue)
    writer.name("detail")
    writer.string(record.state.explanation)
    writer.name("revision")
    if let revision = record.revision { writer.number(revision.number) } else { writer.null() }
    writer.name("updated_at")
    writer.timestamp(microseconds: record.updatedAt.microseconds)
    writer.endObject()
    return Response(.ok, json: writer)
  }

  /// A principal sees its own operations, and those of tokens whose keys it may touch too.
  private func owners(seenBy principal: Principal) -> [OperationOwner] {
    [principal.owner]
      + authentication.keyPrefixes.lazy.filter { $0.starts(with: principal.keyPrefix) }
      .map { OperationOwner(keyPrefix: $0) }
  }
}

extension OperationRecord.State {
  /// One sentence for the client.
  fileprivate var explanation: String {
    switch self {
    case .queued: "queued"
    case .applied: "The write took effect and has this revision."
    case .superseded: "Something newer than this write had been written; it was left alone."
    case .preconditionFailed: "The condition of the write did not hold; nothing was written."
    case .failed: "The write can't succeed; nothing was written."
    }
  }
}

// MARK: - Waiting for an operation

// `Prefer: respond-async, wait=N`.
extension APIHandler {
  /// Polls a queued operation, less and less often, until it is decided or `limit` has passed.
  func awaitOutcome(
    of id: OperationID, _ write: Write, by principal: Principal, waiting limit: Duration
  ) async -> WriteProgress {
    var left = limit
    var step = Duration.milliseconds(5)
    while left > .zero {
      let pause = min(step, left)
      await surroundings.pause(pause)
      left -= pause
      step = min(step * 2, .milliseconds(200))
      do throws(StoreError) {
        // There is no record before the write is applied: both are written together.
        guard let record = try await store.operation(id, ofAny: [principal.owner]),
          record.state != .queued
        else { continue }
        guard let outcome = await outcome(record, write) else { break }
        return .decided(WriteReceipt(outcome: outcome))
      } catch {
        // A failed read decides nothing: the write can't be lost, so 202 is still right.
        break
      }
    }
    return .queued(id)
  }

  /// The outcome that a record stands for; nil if it stands for none: the client then reads the
  /// record itself.
  private func outcome(_ record: OperationRecord, _ write: Write) async -> WriteOutcome? {
    switch (record.state, write.mutation) {
    case (.applied, .put):
      // The record has no metadata. The entry has, unless it has been replaced in the meantime.
      guard let entry = try? await store.readApplied(write.key).entry,
        entry.metadata.revision == record.revision
      else { return nil }
      return .stored(entry.metadata)
    case (.applied, .delete):
      guard (try? await store.readApplied(write.key)) != nil else { return nil }
      // A delete that found nothing has no revision.
      return record.revision.map { .deleted($0) } ?? .notFound
    case (.preconditionFailed, _): return .preconditionFailed(current: record.revision)
    case (.applied, .patch): preconditionFailure("A patch is never queued")
    case (.queued, _), (.superseded, _), (.failed, _): return nil
    }
  }
}
