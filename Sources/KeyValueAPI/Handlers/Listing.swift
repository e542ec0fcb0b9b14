import Basics
import HTTP
import KeyValueStore

// GET /kv: a page of keys, or with `key=` one entry in the JSON form.
extension APIHandler {
  func getKeys(_ request: AcceptedRequest) async throws(Problem) -> Response {
    // Read in any case: what is malformed is refused, also where it is not used.
    let page = try pageRequest(request.query)
    if request.query["key"] != nil { return try await getDocument(request) }
    try requireList(of: page.prefix, request.principal)
    // Without its value, an entry takes its metadata and a key of up to 1 KiB.
    let bytes = page.includesValues ? limits.roomForValues : page.entriesMax * (2 << 10)
    return try await room.hold(bytes) { () async throws(Problem) in try await list(page) }
  }

  private func list(_ request: PageRequest) async throws(Problem) -> Response {
    let page: Page
    do throws(StoreError) {
      page = try await store.list(request)
    } catch {
      throw Problem(error)
    }
    let (document, cursor) = await document(page)
    var response = Response(.ok, json: document)
    if let cursor {
      response.fields.append("Link") { append(link: request, cursor: cursor, to: &$0) }
    }
    return response
  }

  private func pageRequest(_ query: Query) throws(Problem) -> PageRequest {
    let prefix = query["prefix"] ?? []
    guard ContentType.isUTF8(prefix) else {
      throw .parameter("prefix", "prefix is UTF-8, percent-encoded byte by byte.")
    }
    var request = PageRequest(prefix: prefix, valueBytesMax: limits.pageBytesMax)
    let entriesMax =
      try query.integer("limit", 1...Int64(limits.pageEntriesMax)) ?? Int64(limits.pageEntries)
    request.entriesMax = Int(entriesMax)
    request.includesValues = try query.boolean("values") ?? false
    if let cursor = query["cursor"] {
      guard let key = Key(cursor: cursor) else {
        throw .parameter(
          "cursor", "Take next_cursor from the page before, or leave cursor out.")
      }
      request.after = key
    }
    return request
  }

  /// A token lists only where it may read.
  private func requireList(of prefix: [UInt8], _ principal: Principal) throws(Problem) {
    guard prefix.starts(with: principal.keyPrefix) else {
      let own = String(decoding: principal.keyPrefix, as: UTF8.self)
      throw Problem(.forbidden, "This token lists keys with prefix=\(own): ask for that.")
    }
  }

  /// The page, and where the next one begins. A page ends early before it becomes too large.
  private func document(_ page: Page) async -> (JSONWriter, nextCursor: [UInt8]?) {
    var last: Key?
    var writtenAtOnce = 0
    var hasMore = page.hasMore
    var writer = JSONWriter(reserving: page.items.reduce(64) { $0 + 320 + ($1.value?.count ?? 0) })
    writer.beginObject()
    writer.name("items")
    writer.beginArray()
    for item in page.items {
      if last != nil, writer.bytes.count + (item.value?.count ?? 0) > limits.answerBytesMax {
        hasMore = true
        break
      }
      last = item.metadata.key
      writer.beginObject()
      writer.write(membersOf: item.metadata)
      if let value = item.value {
        writer.write(value: value)
        writtenAtOnce += value.count
      }
      writer.endObject()
      // Other requests of the loop must not wait for the whole page.
      if writtenAtOnce > Self.writtenAtOnceMax {
        writtenAtOnce = 0
        await Task.yield()
      }
    }
    writer.endArray()
    let nextCursor = hasMore ? last.map(\.cursor) : nil
    if let nextCursor {
      writer.name("next_cursor")
      writer.string(utf8: nextCursor)
    }
    writer.endObject()
    return (writer, nextCursor)
  }

  private static let writtenAtOnceMax = 256 << 10

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

// MARK: - Cursors

// The end of a page as a text that clients send back: the digit 1, a version, then the last key in
// hexadecimal. Not Base64: a regular expression in openapi.json can then tell what is a cursor.
extension Key {
  /// The cursor of a page that ends with this key.
  var cursor: [UInt8] {
    var text = [Self.cursorVersion]
    text.reserveCapacity(1 + bytes.count * 2)
    for byte in bytes { text.append(hexadecimal: UInt64(byte), digits: 2) }
    return text
  }

  /// Nil if `text` is not exactly as `cursor` writes it.
  init?(cursor text: [UInt8]) {
    guard text.first == Self.cursorVersion, text.count % 2 == 1 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 1, to: text.count, by: 2) {
      guard let high = text[index].hexadecimalDigit, let low = text[index + 1].hexadecimalDigit
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    guard let key = try? Key(validating: bytes), key.cursor == text else { return nil }
    self = key
  }

  private static let cursorVersion = UInt8(ascii: "1")
}
