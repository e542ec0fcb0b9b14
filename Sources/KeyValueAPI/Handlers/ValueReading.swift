import Basics
import HTTP
import KeyValueStore

// GET and HEAD /kv/{key}. This is the hot path: no String, no dictionary, one block of fields.
extension APIHandler {
  func getValue(_ call: Call) async throws(Problem) -> Response {
    let key = try key(of: call)
    let condition = try ConditionFields.parse(call.head)
    let reading = try await read(key, call.head)
    guard let entry = reading.entry else {
      if condition.ifMatch != nil { throw .preconditionFailed(current: nil) }
      throw Problem.keyNotFound.with(field: "Cache-Status", cacheStatus(reading).description)
    }
    let revision = entry.metadata.revision
    // RFC 9110 §13.2.2: If-Match comes first; a false If-None-Match of a GET is not an error.
    if let ifMatch = condition.ifMatch, !ifMatch.includes(revision) {
      throw .preconditionFailed(current: revision)
    }
    if call.head.first(.ifUnmodifiedSince) != nil,
      let time = try ConditionFields.unmodifiedSince(call.head, now: store.now()),
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
    fields.append("Last-Modified") {
      HTTPDate.append(seconds: metadata.updatedAt.seconds, to: &$0)
    }
    if let expiresAt = metadata.expiresAt {
      fields.append("Expires") { HTTPDate.append(seconds: expiresAt.seconds, to: &$0) }
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

extension FieldBlock {
  /// Adds the strong entity tag of a revision.
  mutating func append(etag revision: Revision) {
    append("ETag") {
      $0.append(UInt8(ascii: "\""))
      $0.append(decimal: revision.number)
      $0.append(UInt8(ascii: "\""))
    }
  }
}
