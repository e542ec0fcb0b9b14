import Basics
import HTTP
import KeyValueStore

// GET /kv: a page of keys, their number, or with `key=` one entry in the JSON form.
extension APIHandler {
  func getKeys(_ request: AcceptedRequest) async throws(Problem) -> Response {
    // Read in any case: what is malformed is refused, also where it is not used.
    let page = try pageRequest(request.query)
    if try request.query.boolean("count") ?? false { return try await getCount(request) }
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
    let (document, cursor) = await document(page, of: request)
    var response = Response(.ok, json: document)
    if let cursor {
      response.fields.append("Link") { append(link: request, cursor: cursor, to: &$0) }
    }
    return response
  }

  private func pageRequest(_ query: Query) throws(Problem) -> PageRequest {
    var request = PageRequest(prefix: try prefix(query), valueBytesMax: limits.pageBytesMax)
    let entriesMax =
      try query.integer("limit", 1...Int64(limits.pageEntriesMax)) ?? Int64(limits.pageEntries)
    request.entriesMax = Int(entriesMax)
    request.includesValues = try query.boolean("values") ?? false
    request.isReversed = try query.boolean("reverse") ?? false
    if let delimiter = query["delimiter"] {
      guard (1...limits.delimiterBytesMax).contains(delimiter.count), ContentType.isUTF8(delimiter)
      else {
        throw .parameter(
          "delimiter", "delimiter is 1 to \(limits.delimiterBytesMax) bytes of UTF-8.")
      }
      request.delimiter = delimiter
    }
    request.after = try position(query, in: request)
    return request
  }

  /// Where the answer before has ended, as a query says.
  func position(_ query: Query, in request: PageRequest) throws(Problem) -> PagePosition? {
    guard let cursor = query["cursor"] else { return nil }
    guard let position = PagePosition(cursor: cursor), position.fits(request) else {
      throw .parameter(
        "cursor",
        "Take next_cursor from the answer before, with the same parameters, or leave cursor out.")
    }
    return position
  }

  /// The prefix that a query names; empty: all keys.
  func prefix(_ query: Query) throws(Problem) -> [UInt8] {
    let prefix = query["prefix"] ?? []
    guard ContentType.isUTF8(prefix) else {
      throw .parameter("prefix", "prefix is UTF-8, percent-encoded byte by byte.")
    }
    return prefix
  }

  /// A token lists only where it may read.
  private func requireList(of prefix: [UInt8], _ principal: Principal) throws(Problem) {
    guard prefix.starts(with: principal.keyPrefix) else {
      let own = String(decoding: principal.keyPrefix, as: UTF8.self)
      throw Problem(.forbidden, "This token lists keys with prefix=\(own): ask for that.")
    }
  }

  // MARK: Counting

  /// `count=true`: the number of keys under a prefix.
  private func getCount(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let used = ["count", "prefix"]
    for name in request.endpoint.parameters
    where !used.contains(name) && request.query[name] != nil {
      throw .parameter(name, "Leave \(name) out: count=true takes only prefix.")
    }
    let prefix = try prefix(request.query)
    try requireList(of: prefix, request.principal)
    let count: LiveCount
    do throws(StoreError) {
      count = try await store.count(prefix: prefix)
    } catch {
      throw Problem(error)
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("count")
    writer.number(Int64(count.count))
    if count.isAtLeast {
      writer.name("at_least")
      writer.bool(true)
    }
    writer.endObject()
    return Response(.ok, json: writer)
  }

  // MARK: Writing a page

  /// The page, and where the next one begins. A page ends early before it becomes too large.
  private func document(
    _ page: Page, of request: PageRequest
  ) async -> (JSONWriter, nextCursor: [UInt8]?) {
    var page = page
    var writtenAtOnce = 0
    var writer = JSONWriter(reserving: page.items.reduce(64) { $0 + 320 + ($1.value?.count ?? 0) })
    writer.beginObject()
    writer.name("items")
    writer.beginArray()
    for (index, item) in page.items.enumerated() {
      if index > 0, writer.bytes.count + (item.value?.count ?? 0) > limits.answerBytesMax {
        page = page.ending(at: index - 1, of: request)
        break
      }
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
    if !request.delimiter.isEmpty {
      writer.name("prefixes")
      writer.beginArray()
      for prefix in page.prefixes { writer.string(utf8: prefix.bytes) }
      writer.endArray()
    }
    let nextCursor = page.next?.cursor
    if let nextCursor {
      writer.name("next_cursor")
      writer.string(utf8: nextCursor)
    }
    writer.endObject()
    return (writer, nextCursor)
  }

  private static let writtenAtOnceMax = 64 << 10

  /// RFC 8288 §3: the next page as a reference relative to this one.
  private func append(link request: PageRequest, cursor: [UInt8], to field: inout [UInt8]) {
    field.append("</kv?")
    if !request.prefix.isEmpty {
      field.append("prefix=")
      field.append(percentEncoding: request.prefix)
      field.append("&")
    }
    if !request.delimiter.isEmpty {
      field.append("delimiter=")
      field.append(percentEncoding: request.delimiter)
      field.append("&")
    }
    if request.isReversed { field.append("reverse=true&") }
    field.append("limit=")
    field.append(decimal: Int64(request.entriesMax))
    if request.includesValues { field.append("&values=true") }
    field.append("&cursor=")
    field.append(contentsOf: cursor)
    field.append(">; rel=\"next\"")
  }
}
