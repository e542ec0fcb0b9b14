import Basics
import HTTP
import KeyValueStore

// PUT and DELETE /kv/{key}.
extension APIHandler {
  func putValue(_ call: Call, _ request: Request) async throws(Problem) -> Response {
    let wanted = try writeRequest(call)
    let value = request.body
    guard value.count <= limits.valueBytesMax else {
      throw .contentTooLarge(bytesMax: limits.valueBytesMax)
    }
    let contentType = wanted.contentType ?? ContentType.guessed(from: value)
    return try await carryOut(
      .put(value: value, contentType: contentType, timeToLive: wanted.timeToLive), wanted, call,
      request)
  }

  func deleteValue(_ call: Call, _ request: Request) async throws(Problem) -> Response {
    try await carryOut(.delete, try writeRequest(call), call, request)
  }

  private func carryOut(
    _ mutation: Write.Mutation, _ wanted: WriteRequest, _ call: Call, _ request: Request
  ) async throws(Problem) -> Response {
    let idempotency = wanted.idempotencyName.map {
      IdempotencyField.key($0, of: request, from: call.principal)
    }
    let condition =
      call.head.first(.ifUnmodifiedSince) == nil
      ? wanted.condition : try await condition(of: call.head, for: wanted.key)
    let write = Write(
      key: wanted.key, mutation: mutation, condition: condition, idempotency: idempotency)
    switch try await settle(write, by: call.principal, wanted.preferences) {
    case .final(let receipt): return try answer(receipt, wanted.preferences)
    case .queued(let id): return queuedAnswer(id, wanted.preferences)
    }
  }

  /// The answer to a write that is settled.
  private func answer(
    _ receipt: WriteReceipt, _ preferences: Preferences
  ) throws(Problem) -> Response {
    do throws(Problem) {
      var response = try answer(receipt.outcome, preferences)
      if receipt.isReplayed { response.fields.append("Idempotency-Replayed", "true") }
      return response
    } catch {
      // A first result that was a refusal is replayed like any other.
      throw receipt.isReplayed ? error.with(field: "Idempotency-Replayed", "true") : error
    }
  }

  private func answer(
    _ outcome: WriteOutcome, _ preferences: Preferences
  ) throws(Problem) -> Response {
    switch outcome {
    case .stored(let metadata): return storedAnswer(metadata, preferences)
    case .deleted:
      var fields = FieldBlock(reserving: 128)
      fields.append("Cache-Control", "no-store")
      preferences.appendApplied(to: &fields, isQueued: false, isMinimal: false)
      return Response(.noContent, fields: fields)
    case .notFound: throw .keyNotFound
    case .preconditionFailed(let current): throw .preconditionFailed(current: current)
    case .idempotencyMismatch: throw .idempotencyMismatch
    }
  }

  private func storedAnswer(_ metadata: Metadata, _ preferences: Preferences) -> Response {
    // A replayed answer is that of the first time, so it says 201 again.
    let isNew = metadata.version == 1
    if preferences.wantsMinimal {
      var response = Response(isNew ? .created : .noContent)
      response.fields.append(etag: metadata.revision)
      response.fields.append("Cache-Control", "no-store")
      preferences.appendApplied(to: &response.fields, isQueued: false, isMinimal: true)
      return response
    }
    var writer = JSONWriter(reserving: 384)
    writer.beginObject()
    writer.write(membersOf: metadata)
    writer.endObject()
    var response = Response(isNew ? .created : .ok, json: writer)
    response.fields.append(etag: metadata.revision)
    preferences.appendApplied(to: &response.fields, isQueued: false, isMinimal: false)
    return response
  }

  /// 202: the write can't be lost, and where to ask for it.
  func queuedAnswer(_ id: OperationID, _ preferences: Preferences) -> Response {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("operation")
    writer.string(id.text)
    writer.name("status")
    writer.string("queued")
    writer.name("detail")
    writer.string("queued")
    writer.endObject()
    var response = Response(.accepted, json: writer)
    response.fields.append("Location", "/operations/\(id.text)")
    preferences.appendApplied(to: &response.fields, isQueued: true, isMinimal: false)
    return response
  }
}
