import KeyValueStore

/// Who is to be told what, once the lock of `WatchState` is released: resuming takes the lock of
/// each watcher's loop.
struct WatchAnswers: Sendable {
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var attaching: [(WatchState.Attaching, StoreError?)] = []
  private var marking: [(WatchState.Marking, Result<Int64, StoreError>)] = []

  mutating func add(_ caller: CheckedContinuation<Void, Never>) { waiting.append(caller) }

  mutating func add(_ caller: WatchState.Attaching, _ answer: StoreError?) {
    attaching.append((caller, answer))
  }

  mutating func add(_ caller: WatchState.Marking, _ answer: Result<Int64, StoreError>) {
    marking.append((caller, answer))
  }

  func give() {
    for caller in waiting { caller.resume() }
    for (caller, answer) in attaching { caller.resume(returning: answer) }
    for (caller, answer) in marking { caller.resume(returning: answer) }
  }
}
