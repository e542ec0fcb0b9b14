package import Basics
internal import FoundationEssentials

/// An entry as lists, batches and events show it: its metadata, and its value if that was asked
/// for.
package struct ListedEntry: Decodable, Equatable, Sendable {
  package let key: String
  package let revision: Int64
  package let version: Int64?
  package let size: Int?
  package let contentType: String?
  package let createdAt: String?
  package let updatedAt: String?
  package let expiresAt: String?
  package let value: String?
  package let valueBase64: String?

  private enum CodingKeys: String, CodingKey {
    case key, revision, version, size, value
    case contentType = "content_type"
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case expiresAt = "expires_at"
    case valueBase64 = "value_base64"
  }

  /// The bytes of the value, nil if the document has none.
  package var bytes: [UInt8]? {
    if let value { return Array(value.utf8) }
    return valueBase64.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
  }

  /// Writes it as the API does.
  package func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("key")
    writer.string(key)
    writer.name("revision")
    writer.number(revision)
    if let version {
      writer.name("version")
      writer.number(version)
    }
    if let size {
      writer.name("size")
      writer.number(Int64(size))
    }
    if let contentType {
      writer.name("content_type")
      writer.string(contentType)
    }
    for (name, time) in [("created_at", createdAt), ("updated_at", updatedAt)] {
      guard let time else { continue }
      writer.name(escaping: name)
      writer.string(time)
    }
    if version != nil {
      writer.name("expires_at")
      if let expiresAt { writer.string(expiresAt) } else { writer.null() }
    }
    if let value {
      writer.name("value")
      writer.string(value)
    }
    if let valueBase64 {
      writer.name("value_base64")
      writer.string(valueBase64)
    }
    writer.endObject()
  }
}

/// A page of a list.
package struct ListedPage: Decodable, Sendable {
  package let items: [ListedEntry]
  package let prefixes: [String]?
  package let nextCursor: String?

  private enum CodingKeys: String, CodingKey {
    case items, prefixes
    case nextCursor = "next_cursor"
  }
}

/// Which keys to list, and how.
package struct ListQuery: Sendable {
  package var prefix: String
  /// Keys a page.
  package var limit = 1_000
  package var delimiter: String?
  package var isReverse = false
  package var includesValues = false
  package var cursor: String?

  package init(prefix: String) { self.prefix = prefix }

  package var request: ClientRequest {
    var request = ClientRequest("GET", "/kv")
    if !prefix.isEmpty { request.query("prefix", prefix) }
    request.query("limit", String(limit))
    if let delimiter { request.query("delimiter", delimiter) }
    if isReverse { request.query("reverse", "true") }
    if includesValues { request.query("values", "true") }
    if let cursor { request.query("cursor", cursor) }
    return request
  }
}

extension StoreClient {
  /// Passes on page after page until the list ends or `receive` returns false.
  package func list(
    _ query: ListQuery, _ receive: (ListedPage) async throws -> Bool
  ) async throws {
    var query = query
    while true {
      let page: ListedPage = try decode(try await send(query.request))
      guard try await receive(page), let cursor = page.nextCursor else { return }
      query.cursor = cursor
    }
  }

  /// The JSON document of an answer.
  package func decode<Document: Decodable>(
    _ answer: Answer
  ) throws(ClientError) -> Document {
    do {
      return try JSONDecoder().decode(Document.self, from: Data(answer.body))
    } catch {
      throw .malformed("this is no answer of a key-value store: its JSON has another form")
    }
  }
}

/// The answer to a batch of one read.
private struct SingleRead: Decodable {
  let results: [Result]

  enum Result: Decodable {
    case found(ListedEntry)
    case failed(Problem)

    private enum Name: String, CodingKey { case status, title, type }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Name.self)
      let status = try members.decode(Int.self, forKey: .status)
      if status == 200 {
        self = .found(try ListedEntry(from: decoder))
      } else {
        self = .failed(
          Problem(
            status: status, type: try members.decodeIfPresent(String.self, forKey: .type),
            text: try members.decodeIfPresent(String.self, forKey: .title) ?? ""))
      }
    }
  }
}

extension StoreClient {
  /// An entry with all of its metadata and its value, which only batches and lists show together.
  package func entry(_ key: String) async throws(ClientError) -> ListedEntry {
    var body = JSONWriter()
    body.beginObject()
    body.name("operations")
    body.beginArray()
    body.beginObject()
    body.name("op")
    body.string("get")
    body.name("key")
    body.string(key)
    body.endObject()
    body.endArray()
    body.endObject()
    var request = ClientRequest("POST", "/batch")
    request.set("Content-Type", "application/json")
    request.body = body.bytes
    let answer: SingleRead = try decode(try await send(request))
    switch answer.results.first {
    case .found(let entry)?: return entry
    case .failed(let problem)?: throw .refused(problem)
    case nil: throw .malformed("a batch of one read has no result")
    }
  }
}
