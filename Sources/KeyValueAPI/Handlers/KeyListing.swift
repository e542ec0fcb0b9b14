import HTTP
import KeyValueStore

// GET /kv: a page of keys, or with `key=` one entry in the JSON form.
extension APIHandler {
  func getKeys(_ call: Call) async throws(Problem) -> Response {
    if call.query["key"] != nil { return try await getDocument(call) }
    let request = try pageRequest(call)
    let page: Page
    do throws(StoreError) {
      page = try await store.list(request)
    } catch {
      throw Problem(error)
    }
    let cursor = page.hasMore ? page.items.last.map { nextCursor($0, request) } : nil
    var response = Response(.ok, json: document(page, nextCursor: cursor))
    if let cursor {
      response.fields.append("Link") { append(link: request, cursor: cursor, to: &$0) }
    }
    return response
  }

  private func pageRequest(_ call: Call) throws(Problem) -> PageRequest {
    let query = call.query
    let prefix = query["prefix"] ?? []
    guard ContentType.isUTF8(prefix) else {
      throw .parameter("prefix", "prefix is UTF-8, percent-encoded byte by byte.")
    }
    guard prefix.starts(with: call.principal.keyPrefix) else {
      let own = String(decoding: call.principal.keyPrefix, as: UTF8.self)
      throw Problem(.forbidden, "This token lists only below prefix=\(own): ask for that.")
    }
    var request = PageRequest(prefix: prefix, valueBytesMax: limits.pageBytesMax)
    let entriesMax =
      try query.integer("limit", 1...Int64(limits.pageEntriesMax)) ?? Int64(limits.pageEntries)
    request.entriesMax = Int(entriesMax)
    request.includesValues = try query.boolean("values") ?? false
    if let cursor = query["cursor"] {
      guard let key = Cursor.key(cursor, prefix: prefix) else {
        throw .parameter(
          "cursor", "Take next_cursor from a page of the same prefix, or leave cursor out.")
      }
      request.after = key
    }
    return request
  }

  private func nextCursor(_ last: Page.Item, _ request: PageRequest) -> [UInt8] {
    Cursor.text(after: last.metadata.key, prefix: request.prefix)
  }

  private func document(_ page: Page, nextCursor: [UInt8]?) -> JSONWriter {
    var writer = JSONWriter(reserving: page.items.reduce(64) { $0 + 320 + ($1.value?.count ?? 0) })
    writer.beginObject()
    writer.name("items")
    writer.beginArray()
    for item in page.items {
      writer.beginObject()
      writer.write(membersOf: item.metadata)
      if let value = item.value { writer.write(value: value) }
      writer.endObject()
    }
    writer.endArray()
    if let nextCursor {
      writer.name("next_cursor")
      writer.string(utf8: nextCursor)
    }
    writer.endObject()
    return writer
  }

  /// RFC 8288 §3: the next page as a reference relative to this one.
  private func append(link request: PageRequest, cursor: [UInt8], to field: inout [UInt8]) {
    field.append("</kv?")
    if !request.prefix.isEmpty {
      field.append("prefix=")
      field.append(percentEncoding: request.prefix)
      field.append("&")
    }
    field.append("limit=")
    field.append(decimal: Int64(request.entriesMax))
    if request.includesValues { field.append("&values=true") }
    field.append("&cursor=")
    field.append(contentsOf: cursor)
    field.append(">; rel=\"next\"")
  }
}

extension [UInt8] {
  /// Appends bytes with everything but `unreserved` percent-encoded (RFC 3986 §2.3).
  mutating func append(percentEncoding bytes: [UInt8]) {
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        append(byte)
      default:
        append(UInt8(ascii: "%"))
        for digit in [byte >> 4, byte & 15] {
          append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") - 10 + digit)
        }
      }
    }
  }
}
