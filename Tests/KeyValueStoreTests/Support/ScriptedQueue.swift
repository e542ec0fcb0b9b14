import KeyValueStore
import Synchronization

/// A queue that keeps writes, applies them at once, or refuses them, as the test says.
final class ScriptedQueue: WriteQueue, Sendable {
  enum Script: Sendable {
    case keeps
    case applies
    case fails(StoreError)
  }

  /// Held before a write is taken.
  let beforeSubmit = Gate()
  private let database: any Database & Sendable
  private let script = Mutex(Script.applies)
  private let recorded = Mutex<[QueuedWrite]>([])

  init(database: any Database & Sendable) { self.database = database }

  var submitted: [QueuedWrite] { recorded.withLock { $0 } }

  func follow(_ script: Script) { self.script.withLock { $0 = script } }

  var keepsWrites: Bool {
    if case .keeps = script.withLock({ $0 }) { true } else { false }
  }

  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    await beforeSubmit.pass()
    switch script.withLock({ $0 }) {
    case .keeps:
      recorded.withLock { $0.append(queued) }
      return .queued
    case .applies:
      recorded.withLock { $0.append(queued) }
      return .applied(try await database.apply([queued])[0])
    case .fails(let error):
      throw error
    }
  }

  func checkHealth() async throws(StoreError) {
    if case .fails(let error) = script.withLock({ $0 }) { throw error }
  }
}
