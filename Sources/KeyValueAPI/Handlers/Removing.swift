import Basics
import HTTP
import KeyValueStore

// DELETE /kv: the keys under a prefix, or with `key=` one key in the JSON form.
extension APIHandler {
  func deleteKeys(_ request: AcceptedRequest) async throws(Problem) -> Response {
    // Read in any case: what is malformed is refused, also where it is not used.
    let limit = try request.query.integer("limit", 1...Int64(limits.removalEntriesMax))
    let prefix = try prefix(request.query)
    let position = try position(request.query, in: PageRequest(prefix: prefix))
    if request.query["prefix"] == nil {
      for name in ["limit", "cursor"] where request.query[name] != nil {
        throw .parameter(
          name, "\(name) belongs to prefix: name the prefix, or leave \(name) out.")
      }
      guard request.query["key"] != nil else {
        throw .parameter(
          "key", "Name one key, or the prefix of many: /kv?key=… or /kv?prefix=….")
      }
      return try await deleteDocument(request)
    }
    guard request.query["key"] == nil else {
      throw .parameter("key", "Name one key, or the prefix of many: not both.")
    }
    guard !prefix.isEmpty else {
      throw .parameter("prefix", "Name a prefix of at least one byte: an empty one means all keys.")
    }
    try refuseConditions(request.head)
    guard prefix.starts(with: request.principal.keyPrefix) else {
      let own = String(decoding: request.principal.keyPrefix, as: UTF8.self)
      throw Problem(.forbidden, "This token is for keys that start with \"\(own)\".")
    }
    do throws(StoreError) {
      let limit = limit.map(Int.init) ?? limits.removalEntries
      return answer(try await store.remove(prefix: prefix, after: position, limit: limit))
    } catch {
      throw Problem(error)
    }
  }

  /// Each of these fields means one key, or one result that is kept.
  private func refuseConditions(_ head: RequestHead) throws(Problem) {
    let fields: KeyValuePairs<FieldName, StaticString> = [
      .ifMatch: "If-Match", .ifNoneMatch: "If-None-Match",
      .ifUnmodifiedSince: "If-Unmodified-Since", .idempotencyKey: "Idempotency-Key",
    ]
    for (field, name) in fields where head.first(field) != nil {
      throw .header(name, "Leave it out: a prefix stands for many keys, deleted one by one.")
    }
  }

  private func answer(_ removal: Removal) -> Response {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("deleted")
    writer.number(Int64(removal.count))
    writer.name("more")
    writer.bool(removal.next != nil)
    if let next = removal.next {
      writer.name("next_cursor")
      writer.string(utf8: next.cursor)
    }
    writer.endObject()
    return Response(.ok, json: writer)
  }
}
