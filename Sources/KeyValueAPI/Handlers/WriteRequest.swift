import HTTP
import KeyValueStore

/// What the head of a PUT or DELETE says, checked before the body is read.
struct WriteRequest {
  let key: Key
  let condition: Condition
  /// In seconds; nil: for ever.
  let timeToLive: Int64?
  /// What the client declares; nil: the value has to speak for itself.
  let contentType: String?
  let preferences: Preferences
  let idempotencyName: String?
}

extension APIHandler {
  /// Reads the head of a PUT or DELETE of `/kv/{key}`.
  func writeRequest(_ call: Call) throws(Problem) -> WriteRequest {
    _ = try ConditionFields.unmodifiedSince(call.head, now: store.now())
    return WriteRequest(
      key: try key(of: call),
      condition: try ConditionFields.parse(call.head),
      timeToLive: try call.query.integer("ttl", 1...Write.timeToLiveMax),
      contentType: call.endpoint == .putValue
        ? try ContentType.declared(call.head, bytesMax: limits.contentTypeBytesMax) : nil,
      preferences: Preferences(call.head, waitSecondsMax: limits.waitSecondsMax),
      idempotencyName: try idempotencyName(call.head))
  }

  /// The name in `Idempotency-Key`, if there is one.
  func idempotencyName(_ head: RequestHead) throws(Problem) -> String? {
    try IdempotencyField.parse(head, charactersMax: limits.idempotencyKeyCharactersMax)
  }
}
