import KeyValueStore

extension Key {
  init(_ text: String) { self.init(trusted: Array(text.utf8)) }
}

extension Write {
  static func put(
    _ key: String, _ value: String = "value", contentType: String = "text/plain",
    timeToLive: Int64? = nil, condition: Condition = .none, idempotency: IdempotencyKey? = nil
  ) -> Write {
    Write(
      key: Key(key),
      mutation: .put(
        value: Array(value.utf8), contentType: contentType, timeToLive: timeToLive),
      condition: condition, idempotency: idempotency)
  }

  static func delete(_ key: String, condition: Condition = .none) -> Write {
    Write(key: Key(key), mutation: .delete, condition: condition)
  }
}

extension QueuedWrite {
  /// A different operation for each number.
  init(_ number: Int, _ write: Write, at time: Timestamp) {
    let digits = String(number)
    let tail = String(repeating: "0", count: 12 - digits.count) + digits
    self.init(
      id: OperationID(trusted: "01890000-0000-7000-8000-" + tail), write: write, acceptedAt: time)
  }
}

/// Counts what concurrent tasks report.
actor Tally {
  private(set) var count = 0

  func add() { count += 1 }
}

/// Runs `body` for each number below `count`, concurrently.
func concurrently(
  _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void
) async throws {
  try await withThrowingTaskGroup { group in
    for number in 0..<count { group.addTask { try await body(number) } }
    try await group.waitForAll()
  }
}

/// The error that a call threw, if any.
func failure(
  of call: () async throws(StoreError) -> Void
) async -> StoreError? {
  do throws(StoreError) {
    try await call()
    return nil
  } catch {
    return error
  }
}

extension StoreError {
  var isUnavailable: Bool { if case .unavailable = self { true } else { false } }
  var isUnknown: Bool { if case .outcomeUnknown = self { true } else { false } }
  var isRejected: Bool { if case .rejected = self { true } else { false } }
}
