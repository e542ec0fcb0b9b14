import Basics
import HTTP
import KeyValueStore

// GET /operations/{id}.
extension APIHandler {
  /// Whose operations `principal` may see: their own, and those of tokens whose keys they may touch
  /// too.
  private func owners(seenBy principal: Principal) -> [OperationOwner] {
    [principal.owner]
      + authentication.keyPrefixes.lazy.filter { $0.starts(with: principal.keyPrefix) }
      .map { OperationOwner(keyPrefix: $0) }
  }

  func getOperation(_ call: Call) async throws(Problem) -> Response {
    let unknown = Problem(
      .operationNotFound, "Operations are kept for 24 hours; take the id from the 202's Location.")
    let text = String(
      decoding: call.head.path.dropFirst(Route.operationPrefix.count), as: UTF8.self)
    guard let id = OperationID(text) else { throw unknown }
    let found: OperationRecord?
    do throws(StoreError) {
      found = try await store.operation(id, ofAny: owners(seenBy: call.principal))
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
