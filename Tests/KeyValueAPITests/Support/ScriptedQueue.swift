import KeyValueStore
import Synchronization

/// A queue that applies at once, as the embedded one does, or keeps, or fails, as a test says.
final class ScriptedQueue: WriteQueue, Sendable {
  enum Script: Sendable {
    case applies
    case keeps
    case fails(StoreError)
  }

  private let database: any Database & Sendable
  private let script = Mutex(Script.applies)
  private let waiting = Mutex<[QueuedWrite]>([])

  init(database: any Database & Sendable) { self.database = database }

  func follow(_ script: Script) { self.script.withLock { $0 = script } }

  /// What was kept.
  var kept: [QueuedWrite] { waiting.withLock { $0 } }

  /// Applies what was kept, as a worker would.
  func applyKept() async throws(StoreError) {
    let writes = waiting.withLock { writes in
      let taken = writes
      writes = []
      return taken
    }
    _ = try await database.apply(writes)
  }

  var keepsWrites: Bool {
    if case .keeps = script.withLock({ $0 }) { true } else { false }
  }

  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    switch script.withLock({ $0 }) {
    case .applies: return .applied(try await database.apply([queued])[0])
    case .keeps:
      waiting.withLock { $0.append(queued) }
      return .queued
    case .fails(let error): throw error
    }
  }

  func checkHealth() async throws(StoreError) {
    if case .fails(let error) = script.withLock({ $0 }) { throw error }
  }
}
