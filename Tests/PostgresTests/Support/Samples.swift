import KeyValueStore

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
