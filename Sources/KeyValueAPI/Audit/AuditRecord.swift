internal import Basics
internal import HTTP
internal import KeyValueStore

/// What the audit log says of one request that writes: a JSON object on a line.
///
/// It never holds a key or a value. A key is there as its plain SHA-256: whoever knows a key finds
/// its lines (`printf %s "$KEY" | sha256sum`), and a key that can be guessed can be found as well.
struct AuditRecord: Sendable {
  /// What a request writes.
  enum Subject: Sendable {
    /// Nothing: it is a batch that only reads.
    case nothing
    /// The request does not say it in a way that can be read.
    case unknown
    case key([UInt8])
    /// All keys that begin with these bytes.
    case prefix([UInt8])
    /// The writes of a batch of so many operations, in their order, but for those that are
    /// malformed or outside of the token's prefix.
    case batch(keys: [Key], operations: Int)
  }

  /// When it was answered, in microseconds since 1970.
  let time: Int64
  /// The name of the token; empty where no token is needed.
  let token: String
  let id: RequestID
  let route: Route
  let method: RouteMethod
  let status: Status
  let subject: Subject

  /// The most hashes on a line: as many as a batch has operations.
  private static let hashesMax = 1_000

  /// What it takes of the log's memory, in bytes, roughly.
  var weight: Int {
    let keys =
      switch subject {
      case .nothing, .unknown: 0
      case .key(let bytes), .prefix(let bytes): bytes.count
      case .batch(let keys, _): keys.reduce(0) { $0 + $1.bytes.count + 64 }
      }
    return 256 + keys
  }

  /// The line, with its line feed.
  var line: [UInt8] {
    var json = Self.begun(at: time)
    json.name("token")
    if token.isEmpty { json.null() } else { json.string(token) }
    json.name("request_id")
    json.string(utf8: id.bytes)
    json.name("route")
    json.string(route.template)
    json.name("method")
    json.string(method.name)
    json.name("status")
    json.number(Int64(status.code))
    append(subject, to: &json)
    return Self.ended(json)
  }

  /// The line that says how many lines are missing before it.
  static func lost(_ count: Int, time: Int64) -> [UInt8] {
    var json = begun(at: time)
    json.name("lines_lost")
    json.number(Int64(count))
    return ended(json)
  }

  private static func begun(at time: Int64) -> JSONWriter {
    var json = JSONWriter(reserving: 384)
    json.beginObject()
    json.name("time")
    json.timestamp(microseconds: time)
    return json
  }

  private static func ended(_ json: consuming JSONWriter) -> [UInt8] {
    json.endObject()
    return json.bytes + [UInt8(ascii: "\n")]
  }

  private func append(_ subject: Subject, to json: inout JSONWriter) {
    switch subject {
    case .nothing, .unknown:
      json.name("key_sha256")
      json.null()
    case .key(let bytes):
      json.name("key_sha256")
      json.string(utf8: Self.hash(bytes))
    case .prefix(let bytes):
      json.name("prefix_sha256")
      json.string(utf8: Self.hash(bytes))
    case .batch(let keys, let operations):
      json.name("operations")
      json.number(Int64(operations))
      json.name("key_sha256")
      json.beginArray()
      for key in keys.prefix(Self.hashesMax) { json.string(utf8: Self.hash(key.bytes)) }
      json.endArray()
    }
  }

  /// As `sha256sum` prints it.
  private static func hash(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in Digest.sha256(bytes) { text.append(hexadecimal: UInt64(byte), digits: 2) }
    return text
  }
}

extension AuditRecord {
  /// Of a request that was answered just now.
  init(_ request: AcceptedRequest, _ status: Status) {
    time = SystemTime.microseconds()
    token = request.principal.name
    id = request.id
    route = request.route
    method = RouteMethod(request.head.method)
    self.status = status
    subject = request.written ?? Subject(ofHead: request)
  }
}

extension AuditRecord.Subject {
  /// Of the operations of a batch.
  init(_ operations: [Result<Batch.Operation, Problem>]) {
    var keys: [Key] = []
    var writes = false
    for operation in operations {
      switch operation {
      case .success(.write(let write)):
        keys.append(write.key)
        writes = true
      case .success(.get): break
      // It may have been meant as a write.
      case .failure: writes = true
      }
    }
    self = writes ? .batch(keys: keys, operations: operations.count) : .nothing
  }

  /// Of a request whose path or query names it.
  fileprivate init(ofHead request: AcceptedRequest) {
    let parameter = request.route.parameter(in: request.head.path)
    if !parameter.isEmpty, let key = [UInt8](percentDecoding: parameter) {
      self = .key(key)
    } else if let prefix = request.query["prefix"] {
      self = .prefix(prefix)
    } else if let key = request.query["key"] {
      self = .key(key)
    } else {
      self = .unknown
    }
  }
}
