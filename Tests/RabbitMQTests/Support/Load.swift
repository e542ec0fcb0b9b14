import KeyValueStore
import Synchronization

@testable import RabbitMQ

/// Writes of different keys, one after the other for each worker, until its task is
/// cancelled.
final class Load: Sendable {
  private let state = Mutex(State())

  private struct State {
    var accepted: [QueuedWrite] = []
    var unknown: [QueuedWrite] = []
  }

  /// Those that the queue has.
  var accepted: [QueuedWrite] { state.withLock { $0.accepted } }

  /// Those that it may have, now or later.
  var unknown: [QueuedWrite] { state.withLock { $0.unknown } }

  func run(_ worker: Int, on node: Node) async {
    var number = 0
    while !Task.isCancelled {
      number += 1
      let write = QueuedWrite("key \(worker) \(number)")
      let error = await node.submit(write)
      state.withLock { state in
        if error == nil { state.accepted.append(write) }
        if error.isUnknown { state.unknown.append(write) }
      }
      if error.isUnavailable { await pause() }
    }
  }
}
