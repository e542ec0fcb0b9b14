import Basics
import HTTP
import KeyValueStore

// The JSON form: PUT /kv, GET /kv?key=, DELETE /kv?key=, for clients of this API's predecessor.
extension APIHandler {
  /// `PUT /kv` with `{"data":{"key":…,"value":…}}`: always asynchronous.
  func putDocument(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let name = try idempotencyName(request.head)
    let condition = try ConditionFields.parse(request.head)
    guard request.body.count <= limits.documentBytesMax else {
      throw .contentTooLarge(bytesMax: limits.documentBytesMax)
    }
    let (keyBytes, mutation) = try documentContent(request.body)
    request.written = .key(keyBytes)
    let key = try key(keyBytes, for: request.principal)
    let write = Write(
      key: key, mutation: mutation,
      condition: try await self.condition(condition, of: request, key),
      idempotency: name.map { IdempotencyField.key($0, of: request) })
    return try await queue(write, by: request.principal)
  }

  /// `GET /kv?key=`: the value as a JSON string, or as the JSON that it is.
  func getDocument(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let reading = try await read(try documentKey(request), request.head)
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

  /// `DELETE /kv?key=`: asynchronous, but 404 if the key does not exist.
  ///
  /// A queued PUT, accepted by any process, may be about to write the key. So the DELETE is queued
  /// behind it, and the queue finds out whether there was something to delete. It is not queued at
  /// once: two workers may apply the two the other way round. The key would be deleted all the
  /// same, but the answer would not know of the PUT.
  func deleteDocument(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let name = try idempotencyName(request.head)
    let condition = try ConditionFields.parse(request.head)
    let key = try documentKey(request)
    // While the database is away, only the queue can find out.
    var isMissing = false
    if name == nil, let reading = try? await store.get(key) { isMissing = reading.entry == nil }
    if isMissing {
      guard store.keepsQueuedWrites else {
        throw condition.ifMatch == nil ? .keyNotFound : .preconditionFailed(current: nil)
      }
      isMissing = await !appears(key, within: .milliseconds(limits.missingKeyPollMilliseconds))
    }
    let write = Write(
      key: key, mutation: .delete, condition: try await self.condition(condition, of: request, key),
      idempotency: name.map { IdempotencyField.key($0, of: request) })
    return try await queue(
      write, by: request.principal,
      waiting: isMissing ? .seconds(limits.missingKeyWaitSeconds) : .zero)
  }

  /// `If-Unmodified-Since` is read last, so that the answers to other mistakes come first.
  private func condition(
    _ condition: Condition, of request: AcceptedRequest, _ key: Key
  ) async throws(Problem) -> Condition {
    let time = try ConditionFields.unmodifiedSince(request.head, now: store.now())
    return try await self.condition(condition, unmodifiedSince: time, for: key)
  }

  /// Whether a queued write creates the key within some time.
  private func appears(_ key: Key, within limit: Duration) async -> Bool {
    var (left, step) = (limit, Duration.milliseconds(5))
    while left > .zero {
      await surroundings.pause(min(step, left))
      left -= step
      step *= 2
      // The database is away.
      guard let reading = try? await store.get(key, isFresh: true) else { return false }
      if reading.entry != nil { return true }
    }
    return false
  }

  private func documentKey(_ request: AcceptedRequest) throws(Problem) -> Key {
    guard let bytes = request.query["key"] else {
      throw .parameter("key", "Name the key: /kv?key=….")
    }
    return try key(bytes, for: request.principal)
  }

  /// Queues. If the write is applied at once, or while the client waits, the answer says whether it
  /// failed; otherwise the operation does.
  private func queue(
    _ write: Write, by principal: Principal, waiting limit: Duration = .zero
  ) async throws(Problem) -> Response {
    // As in `writeOrQueue`: the name of an idempotent write is kept in the transaction that writes.
    if write.idempotency != nil { return try await writeAtOnce(write) }
    let submission: Submission
    do throws(StoreError) {
      submission = try await store.submit(write, of: principal.owner)
    } catch {
      guard case .unavailable = error else { throw Problem(error) }
      // As in `queueFirst`: nothing was queued, so nothing happens twice.
      return try await writeAtOnce(write)
    }
    switch submission.receipt {
    case .applied(let applied):
      if let outcome = applied.outcome { try check(outcome) }
    case .queued:
      let progress = await awaitOutcome(
        of: submission.id, write, by: principal, waiting: limit)
      if case .decided(let receipt) = progress { try check(receipt.outcome) }
    }
    // As the predecessor's: the answer to a DELETE has no second member. `Location` has the id.
    let isDelete = write.mutation == .delete
    var response = Response(.accepted, json: acceptance(isDelete ? nil : submission.id))
    response.fields.append("Location", "/operations/\(submission.id.text)")
    return response
  }

  private func writeAtOnce(_ write: Write) async throws(Problem) -> Response {
    let receipt: WriteReceipt
    do throws(StoreError) {
      receipt = try await store.write(write)
    } catch {
      throw Problem(error)
    }
    do throws(Problem) {
      try check(receipt.outcome)
    } catch {
      throw receipt.isReplayed ? error.with(field: "Idempotency-Replayed", "true") : error
    }
    var response = Response(.accepted, json: acceptance(nil))
    if receipt.isReplayed { response.fields.append("Idempotency-Replayed", "true") }
    return response
  }

  /// Throws if a write has not done what was asked.
  private func check(_ outcome: WriteOutcome) throws(Problem) {
    switch outcome {
    case .notFound: throw .keyNotFound
    case .preconditionFailed(let current): throw .preconditionFailed(current: current)
    case .addRefused(let reason): throw Problem(reason)
    case .idempotencyMismatch: throw .idempotencyMismatch
    case .stored, .added, .deleted: break
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
    // The predecessor's clients send null for "none".
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

  /// An unknown member would be lost silently.
  private func refuseOthers(than names: [String], in object: JSONValue) throws(Problem) {
    for member in object.members where !names.contains(member.name) {
      throw .document("Leave out \"\(member.name)\": there is no such member here.")
    }
  }
}
