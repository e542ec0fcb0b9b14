import KeyValueStore

func key(_ text: String) -> Key {
  Key(trusted: Array(text.utf8))
}

func put(
  _ name: String, _ value: String = "value", timeToLive: Int64? = nil,
  condition: Condition = .none, idempotency: IdempotencyKey? = nil
) -> Write {
  Write(
    key: key(name),
    mutation: .put(value: Array(value.utf8), contentType: "text/plain", timeToLive: timeToLive),
    condition: condition, idempotency: idempotency)
}

func delete(
  _ name: String, condition: Condition = .none, idempotency: IdempotencyKey? = nil
) -> Write {
  Write(key: key(name), mutation: .delete, condition: condition, idempotency: idempotency)
}

func patch(
  _ name: String, _ patch: Patch, condition: Condition = .none,
  idempotency: IdempotencyKey? = nil
) -> Write {
  Write(key: key(name), mutation: .patch(patch), condition: condition, idempotency: idempotency)
}

extension WriteReceipt {
  var stored: Metadata? {
    if case .stored(let metadata) = outcome { metadata } else { nil }
  }
}

extension Reading {
  /// The value as text; nil when there is no entry.
  var text: String? { entry.map { String(decoding: $0.value, as: UTF8.self) } }
}

extension Lookup {
  /// The value as text; nil when there is no entry.
  var text: String? { entry.map { String(decoding: $0.value, as: UTF8.self) } }
}

let databaseAway = StoreError.unavailable(cause: "no database", retryAfter: 2)
