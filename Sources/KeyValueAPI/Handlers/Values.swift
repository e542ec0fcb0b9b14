import Basics
import HTTP
import KeyValueStore

// GET, HEAD, PUT and DELETE /kv/{key}. GET is the hot path: no String, no dictionary, one block of
// fields.
extension APIHandler {
  func getValue(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let key = try key(of: request)
    let condition = try ConditionFields.parse(request.head)
    let reading = try await read(key, request.head)
    guard let entry = reading.entry else {
      if condition.ifMatch != nil { throw .preconditionFailed(current: nil) }
      throw Problem.keyNotFound.with(field: "Cache-Status", cacheStatus(reading).description)
    }
    let revision = entry.metadata.revision
    // RFC 9110 §13.2.2: If-Match comes first; a false If-None-Match of a GET is not an error.
    if let ifMatch = condition.ifMatch, !ifMatch.includes(revision) {
      throw .preconditionFailed(current: revision)
    }
    if request.head.first(.ifUnmodifiedSince) != nil,
      let time = try ConditionFields.unmodifiedSince(request.head, now: store.now()),
      entry.metadata.updatedAt.seconds > time
    {
      throw .preconditionFailed(current: revision)
    }
    if let ifNoneMatch = condition.ifNoneMatch, ifNoneMatch.includes(revision) {
      return Response(.notModified, fields: fields(of: entry.metadata, reading))
    }
    var fields = fields(of: entry.metadata, reading)
    fields.append("Content-Type", entry.metadata.contentType)
    return Response(.ok, fields: fields, body: entry.value)
  }

  /// Reads a key: linearizably with `Cache-Control: no-cache`.
  func read(_ key: Key, _ head: RequestHead) async throws(Problem) -> Reading {
    let isFresh =
      head.first(.cacheControl) != nil
      && CacheControl(values: head.all(.cacheControl)).isNoCache
    do throws(StoreError) {
      return try await store.get(key, isFresh: isFresh)
    } catch {
      throw Problem(error)
    }
  }

  private func fields(of metadata: Metadata, _ reading: Reading) -> FieldBlock {
    var fields = FieldBlock(reserving: 384)
    fields.append(etag: metadata.revision)
    fields.append("Last-Modified", date: metadata.updatedAt.seconds)
    if let expiresAt = metadata.expiresAt {
      fields.append("Expires", date: expiresAt.seconds)
    }
    fields.append("Cache-Status", cacheStatus(reading))
    fields.append(
      lines: """
        Cache-Control: no-cache\r
        X-Content-Type-Options: nosniff\r
        Content-Security-Policy: sandbox\r

        """)
    return fields
  }

  /// RFC 9211 §2.1, §2.2.
  private func cacheStatus(_ reading: Reading) -> StaticString {
    reading.source == .cache ? "kv; hit" : "kv; fwd=miss"
  }
}

// MARK: - Writing

extension APIHandler {
  func putValue(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let value = request.body
    guard value.count <= limits.valueBytesMax else {
      throw .contentTooLarge(bytesMax: limits.valueBytesMax)
    }
    let wanted = wantedWrite(request)
    let contentType = wanted.contentType ?? ContentType.guessed(from: value)
    return try await write(
      .put(value: value, contentType: contentType, timeToLive: wanted.timeToLive), wanted, request)
  }

  func deleteValue(_ request: AcceptedRequest) async throws(Problem) -> Response {
    try await write(.delete, wantedWrite(request), request)
  }

  /// What the head of this write says.
  func wantedWrite(_ request: AcceptedRequest) -> WriteRequest {
    guard let write = request.write else {
      preconditionFailure("The route table has the head of this write read first")
    }
    return write
  }

  private func write(
    _ mutation: Write.Mutation, _ wanted: WriteRequest, _ request: AcceptedRequest
  ) async throws(Problem) -> Response {
    let write = Write(
      key: wanted.key, mutation: mutation,
      condition: try await condition(
        wanted.condition, unmodifiedSince: wanted.unmodifiedSince, for: wanted.key),
      idempotency: wanted.idempotencyName.map { IdempotencyField.key($0, of: request) })
    switch try await writeOrQueue(write, by: request.principal, wanted.preferences) {
    case .decided(let receipt): return try answer(receipt, wanted.preferences)
    case .queued(let id): return queuedAnswer(id, wanted.preferences)
    }
  }

  /// The answer to a write that was decided.
  func answer(
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
    case .added(let metadata, let sum): return storedAnswer(metadata, sum: sum, preferences)
    case .deleted:
      var fields = FieldBlock(reserving: 128)
      fields.append("Cache-Control", "no-store")
      preferences.appendApplied(to: &fields, isQueued: false, isMinimal: false)
      return Response(.noContent, fields: fields)
    case .notFound: throw .keyNotFound
    case .addRefused(let reason): throw Problem(reason)
    case .preconditionFailed(let current): throw .preconditionFailed(current: current)
    case .idempotencyMismatch: throw .idempotencyMismatch
    }
  }

  /// `sum`: the value, if the write was an addition.
  private func storedAnswer(
    _ metadata: Metadata, sum: Int64? = nil, _ preferences: Preferences
  ) -> Response {
    // A replayed answer is the first one again, so it says 201 again.
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
    if let sum {
      writer.name("value")
      writer.number(sum)
    }
    writer.endObject()
    var response = Response(isNew ? .created : .ok, json: writer)
    response.fields.append(etag: metadata.revision)
    preferences.appendApplied(to: &response.fields, isQueued: false, isMinimal: false)
    return response
  }

  /// 202: the write can't be lost, and `Location` tells where to ask for its outcome.
  private func queuedAnswer(_ id: OperationID, _ preferences: Preferences) -> Response {
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

extension FieldBlock {
  /// Appends the strong entity tag of a revision.
  fileprivate mutating func append(etag revision: Revision) {
    append("ETag") {
      $0.append(UInt8(ascii: "\""))
      $0.append(decimal: revision.number)
      $0.append(UInt8(ascii: "\""))
    }
  }
}
