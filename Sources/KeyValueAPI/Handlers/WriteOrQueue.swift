import KeyValueStore

extension APIHandler {
  /// Writes or queues, as the client prefers; if that way is closed, it takes the other one.
  func writeOrQueue(
    _ write: Write, by principal: Principal, _ preferences: Preferences
  ) async throws(Problem) -> WriteProgress {
    do throws(StoreError) {
      // An idempotent write is never queued first: the database keeps its name in the transaction
      // that writes. `respond-async` is only a preference, and a final answer is better than a 202.
      guard preferences.isAsynchronous, write.idempotency == nil else {
        return try await store.writeOrQueue(
          write, isStrict: preferences.isStrict, of: principal.owner)
      }
      let progress = try await store.queueOrWrite(write, of: principal.owner)
      guard case .queued(let id) = progress, let wait = preferences.wait else { return progress }
      return await awaitOutcome(of: id, write, by: principal, waiting: .seconds(wait))
    } catch {
      throw Problem(error)
    }
  }
}
