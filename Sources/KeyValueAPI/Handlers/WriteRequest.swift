import HTTP
import KeyValueStore

/// What the head of a PUT, PATCH or DELETE of `/kv/{key}` says.
struct WriteRequest {
  let key: Key
  let condition: Condition
  /// `If-Unmodified-Since`, in seconds since 1970.
  let unmodifiedSince: Int64?
  /// In seconds; nil: the value does not expire.
  let timeToLive: Int64?
  /// What the client declares; nil: it is guessed from the value.
  let contentType: String?
  let preferences: Preferences
  let idempotencyName: String?
}

extension APIHandler {
  /// Reads the head of a PUT, PATCH or DELETE of `/kv/{key}`.
  func writeRequest(_ request: AcceptedRequest) throws(Problem) -> WriteRequest {
    let head = request.head
    let unmodifiedSince = try ConditionFields.unmodifiedSince(head, now: store.now())
    return WriteRequest(
      key: try key(of: request),
      condition: try ConditionFields.parse(head),
      unmodifiedSince: unmodifiedSince,
      timeToLive: try request.query.integer("ttl", 1...Write.timeToLiveMax),
      contentType: request.endpoint.body == .value
        ? try ContentType.declared(head, bytesMax: limits.contentTypeBytesMax) : nil,
      preferences: Preferences(head, waitSecondsMax: limits.waitSecondsMax),
      idempotencyName: try idempotencyName(head))
  }

  /// The name in `Idempotency-Key`, if there is one.
  func idempotencyName(_ head: RequestHead) throws(Problem) -> String? {
    try IdempotencyField.parse(head, charactersMax: limits.idempotencyKeyCharactersMax)
  }
}

/// The preferences for a write (RFC 7240) that this server knows.
struct Preferences: Sendable {
  /// `return=minimal`: no document in the answer.
  let wantsMinimal: Bool
  /// `respond-async`: an answer as soon as the write can't be lost.
  let isAsynchronous: Bool
  /// `handling=strict`: the write is not queued if the database can't take it.
  let isStrict: Bool
  /// `wait`: how many seconds to wait for the final answer before a 202.
  let wait: Int?

  /// Reads the fields. Preferences that are unknown, malformed or out of bounds are ignored (§2).
  init(_ head: RequestHead, waitSecondsMax: Int) {
    guard head.first(.prefer) != nil else {
      wantsMinimal = false
      isAsynchronous = false
      isStrict = false
      wait = nil
      return
    }
    let prefer = PreferHeader(values: head.all(.prefer))
    wantsMinimal = prefer["return"] == "minimal"
    isAsynchronous = prefer["respond-async"] == ""
    isStrict = prefer["handling"] == "strict"
    wait = prefer["wait"].flatMap(Int.init).flatMap { $0 < 0 ? nil : min($0, waitSecondsMax) }
  }

  /// Appends `Preference-Applied` (§3), if a preference was applied.
  func appendApplied(to fields: inout FieldBlock, isQueued: Bool, isMinimal: Bool) {
    var applied: [String] = []
    if isQueued, isAsynchronous {
      applied.append("respond-async")
      if let wait { applied.append("wait=\(wait)") }
    }
    if isMinimal, wantsMinimal { applied.append("return=minimal") }
    if isStrict { applied.append("handling=strict") }
    if !applied.isEmpty { fields.append("Preference-Applied", applied.joined(separator: ", ")) }
  }
}
