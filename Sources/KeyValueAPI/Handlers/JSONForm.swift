import Basics
import HTTP
import KeyValueStore

// The JSON form: PUT /kv, GET /kv?key=, DELETE /kv?key=, for clients of this API's predecessor.
extension APIHandler {
  /// `PUT /kv` with `{"data":{"key":…,"value":…}}`: always asynchronous.
  func putDocument(_ call: Call, _ request: Request) async throws(Problem) -> Response {
    let name = try idempotencyName(call.head)
    _ = try ConditionFields.parse(call.head)
    guard request.body.count <= limits.documentBytesMax else {
      throw .contentTooLarge(bytesMax: limits.documentBytesMax)
    }
    let (keyBytes, mutation) = try documentContent(request.body)
    let key = try key(keyBytes, for: call.principal)
    let write = Write(
      key: key, mutation: mutation, condition: try await condition(of: call.head, for: key),
      idempotency: name.map { IdempotencyField.key($0, of: request, from: call.principal) })
    return try await queue(write, by: call.principal)
  }

  /// `GET /kv?key=`: the value as a JSON string, or as the JSON that it is.
  func getDocument(_ call: Call) async throws(Problem) -> Response {
    let reading = try await read(try documentKey(call), call.head)
    guard let entry = reading.entry else { throw .keyNotFound }
    var writer = JSONWriter(reserving: entry.value.count + 64)
    writer.beginObject()
    writer.name("data")
    writer.beginObject()
    if ContentType.isJSON(entry.metadata.contentType),
      (try? JSONDocument(parsing: entry.value)) != nil
    {
      writer.name("value")
      writer.raw(entry.value)
    } else {
      writer.write(value: entry.value)
    }
    writer.name("source")
    writer.string(reading.source.rawValue)
    writer.endObject()
    writer.endObject()
    return Response(.ok, json: writer)
  }

  /// `DELETE /kv?key=`: asynchronous, but a key that is not there is a 404.
  ///
  /// A PUT that waits in the queue may be about to write it, whichever process has taken that. So
  /// the DELETE is queued behind it, and the queue tells whether there was something to delete. Not
  /// at once: two workers may apply them the other way round. The key would stay away then, but
  /// the answer would not know of the PUT.
  func deleteDocument(_ call: Call, _ request: Request) async throws(Problem) -> Response {
    let name = try idempotencyName(call.head)
    let condition = try ConditionFields.parse(call.head)
    let key = try documentKey(call)
    // With the database away nobody knows; the queue then finds out.
    var isMissing = false
    if name == nil, let reading = try? await store.get(key) { isMissing = reading.entry == nil }
    if isMissing {
      guard store.keepsQueuedWrites else {
        throw condition.ifMatch == nil ? .keyNotFound : .preconditionFailed(current: nil)
      }
      isMissing = await !appears(key, within: .milliseconds(limits.missingKeyLookMilliseconds))
    }
    return try await queue(
      Write(
        key: key, mutation: .delete, condition: try await self.condition(of: call.head, for: key),
        idempotency: name.map { IdempotencyField.key($0, of: request, from: call.principal) }),
      by: call.principal, waiting: isMissing ? .seconds(limits.missingKeyWaitSeconds) : .zero)
  }

  /// Whether a queued write brings a key within some time.
  private func appears(_ key: Key, within limit: Duration) async -> Bool {
    var (left, step) = (limit, Duration.milliseconds(5))
    while left > .zero {
      await surroundings.pause(min(step, left))
      left -= step
      step *= 2
      // With the database away nobody knows.
      guard let reading = try? await store.get(key, isFresh: true) else { return false }
      if reading.entry != nil { return true }
    }
    return false
  }

  private func documentKey(_ call: Call) throws(Problem) -> Key {
    guard let bytes = call.query["key"] else {
      throw .parameter("key", "Name the key: /kv?key=….")
    }
    return try key(bytes, for: call.principal)
  }

  /// Where a write is applied at once, or while the client waits, a failure is known; else the
  /// operation tells of it.
  private func queue(
    _ write: Write, by principal: Principal, waiting limit: Duration = .zero
  ) async throws(Problem) -> Response {
    // As in `settle`: the name of an idempotent write is kept in its own transaction.
    if write.idempotency != nil { return try await carryOut(write) }
    let submission: Submission
    do throws(StoreError) {
      submission = try await store.submit(write, of: principal.owner)
    } catch {
      guard case .unavailable = error else { throw Problem(error) }
      // As in `settleByQueue`: nothing was queued, so nothing happens twice.
      return try await carryOut(write)
    }
    switch submission.receipt {
    case .applied(let applied):
      if let outcome = applied.outcome { try refuse(outcome) }
    case .queued:
      let settlement = await outcome(of: submission.id, write, by: principal, waiting: limit)
      if case .final(let receipt) = settlement { try refuse(receipt.outcome) }
    }
    // To the letter: the answer to a DELETE has no second member. Its Location names the operation.
    let isDelete = write.mutation == .delete
    var response = Response(.accepted, json: acceptance(isDelete ? nil : submission.id))
    response.fields.append("Location", "/operations/\(submission.id.text)")
    return response
  }

  private func carryOut(_ write: Write) async throws(Problem) -> Response {
    let receipt: WriteReceipt
    do throws(StoreError) {
      receipt = try await store.write(write)
    } catch {
      throw Problem(error)
    }
    do throws(Problem) {
      try refuse(receipt.outcome)
    } catch {
      throw receipt.isReplayed ? error.with(field: "Idempotency-Replayed", "true") : error
    }
    var response = Response(.accepted, json: acceptance(nil))
    if receipt.isReplayed { response.fields.append("Idempotency-Replayed", "true") }
    return response
  }

  /// Throws if a write has not done what was asked.
  private func refuse(_ outcome: WriteOutcome) throws(Problem) {
    switch outcome {
    case .notFound: throw .keyNotFound
    case .preconditionFailed(let current): throw .preconditionFailed(current: current)
    case .idempotencyMismatch: throw .idempotencyMismatch
    case .stored, .deleted: break
    }
  }

  private func acceptance(_ id: OperationID?) -> JSONWriter {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("detail")
    writer.string("queued")
    if let id {
      writer.name("operation")
      writer.string(id.text)
    }
    writer.endObject()
    return writer
  }

  private func documentContent(
    _ body: [UInt8]
  ) throws(Problem) -> (key: [UInt8], mutation: Write.Mutation) {
    let document: JSONDocument
    do throws(JSONError) {
      document = try JSONDocument(parsing: body)
    } catch {
      throw Problem(error)
    }
    guard let data = document.root["data"], data.kind == .object else {
      throw .document("key & value required")
    }
    try refuseOthers(than: ["data"], in: document.root)
    try refuseOthers(than: ["key", "value"], in: data)
    // null is how the predecessor's clients spell "none".
    guard let key = data["key"], key.kind != .null, let value = data["value"], value.kind != .null
    else { throw .document("key & value required") }
    guard let keyBytes = key.stringBytes else { throw .document("key is a string.") }
    let bytes = value.stringBytes ?? Array(value.text)
    guard bytes.count <= limits.valueBytesMax else {
      throw .contentTooLarge(bytesMax: limits.valueBytesMax)
    }
    let contentType = value.kind == .string ? ContentType.text : ContentType.json
    return (keyBytes, .put(value: bytes, contentType: contentType, timeToLive: nil))
  }

  /// A member that nobody reads would be lost without a word.
  private func refuseOthers(than names: [String], in object: JSONValue) throws(Problem) {
    for member in object.members where !names.contains(member.name) {
      throw .document("Leave out \"\(member.name)\": there is no such member here.")
    }
  }
}
