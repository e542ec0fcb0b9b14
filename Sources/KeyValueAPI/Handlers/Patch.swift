import HTTP
import KeyValueStore

// PATCH /kv/{key}: changes an entry without sending its value.
extension APIHandler {
  /// Reads the head. A patch format that is not known here is refused before the body is read.
  func patchRequest(_ request: AcceptedRequest) throws(Problem) -> WriteRequest {
    let write = try writeRequest(request)
    guard let field = request.head.first(.contentType),
      request.head.all(.contentType).count == 1, let type = MediaType(field),
      type.isNamed(PatchDocument.mediaType)
    else {
      // RFC 5789 §2.2.
      throw Problem(
        .unsupportedMediaType, "Send the patch with Content-Type: \(PatchDocument.mediaType)."
      )
      .with(field: "Accept-Patch", PatchDocument.mediaType.description)
    }
    return write
  }

  /// A patch is never queued: what it does, and what it answers, depends on what the key holds.
  func patchValue(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let wanted = wantedWrite(request)
    guard request.body.count <= limits.patchBytesMax else {
      throw .contentTooLarge(bytesMax: limits.patchBytesMax)
    }
    let patch = try PatchDocument.parse(request.body, limits: limits)
    let write = Write(
      key: wanted.key, mutation: .patch(patch),
      condition: try await condition(
        wanted.condition, unmodifiedSince: wanted.unmodifiedSince, for: wanted.key),
      idempotency: wanted.idempotencyName.map { IdempotencyField.key($0, of: request) })
    let receipt: WriteReceipt
    do throws(StoreError) {
      receipt = try await store.write(write)
    } catch {
      throw Problem(error)
    }
    return try answer(receipt, wanted.preferences)
  }
}

/// The document of a PATCH: a merge patch (RFC 7396) of what can be changed of an entry. `{}`
/// changes nothing but revision and version.
enum PatchDocument {
  static let mediaType: StaticString = "application/merge-patch+json"

  static func parse(_ body: [UInt8], limits: APILimits) throws(Problem) -> Patch {
    let document: JSONDocument
    do throws(JSONError) {
      document = try JSONDocument(parsing: body)
    } catch {
      throw Problem(error)
    }
    guard document.root.kind == .object else {
      throw .document("A patch is an object: {\"ttl\":60}, {\"add\":1}.")
    }
    var patch = Patch()
    for (name, value) in document.root.members {
      switch name {
      case "add": patch.amount = try amount(value, name: "add")
      case "content_type":
        patch.contentType = try contentType(value, bytesMax: limits.contentTypeBytesMax)
      case "ttl": patch.expiry = try expiry(value)
      default:
        throw .document("Leave out \"\(name)\": a patch has ttl, content_type and add only.")
      }
    }
    return patch
  }

  /// Only digits: `1.0` and `1e3` are refused, because a large number written so may have lost its
  /// last digits on the way through a program that keeps it as a floating-point number.
  static func amount(_ value: JSONValue, name: String) throws(Problem) -> Int64 {
    guard value.kind == .number, let number = Int64(String(decoding: value.text, as: UTF8.self))
    else {
      throw .document(
        "\(name) is a whole number from \(Int64.min) to \(Int64.max), in digits only.")
    }
    return number
  }

  /// In seconds; null: the entry never expires.
  static func expiry(_ value: JSONValue) throws(Problem) -> Patch.Expiry {
    if value.kind == .null { return .never }
    guard let seconds = value.integer, (1...Write.timeToLiveMax).contains(seconds) else {
      throw .document(
        "ttl is a whole number of seconds from 1 to \(Write.timeToLiveMax), or null.")
    }
    return .after(seconds: seconds)
  }

  /// A media type, and not null: every entry has one.
  static func contentType(_ value: JSONValue, bytesMax: Int) throws(Problem) -> String {
    guard let bytes = value.stringBytes,
      let type = ContentType.check(bytes[...], bytesMax: bytesMax)
    else {
      throw .document("content_type is type/subtype in at most \(bytesMax) ASCII characters.")
    }
    return type
  }
}
