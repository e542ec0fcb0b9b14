import KeyValueStore
import Synchronization

/// One watcher's place in the change stream.
///
/// Not Sendable: belongs to its watcher's event loop.
final class StreamSubscription: ChangeSubscription {
  private let reader: RabbitMQWatcher
  private let watcher: UInt64
  private let generation: Int
  private var cursor: WatchCursor
  private var isFallen = false
  /// Read to see whether the watcher's position is kept, and not handed out yet.
  private var early: [FeedEvent] = []

  /// Takes over `watcher`, who has entered, and lets it leave in the end.
  init(reader: RabbitMQWatcher, watcher: UInt64, generation: Int, cursor: WatchCursor) {
    self.reader = reader
    self.watcher = watcher
    self.generation = generation
    self.cursor = cursor
  }

  deinit { reader.leave(watcher) }

  func next() async throws(StoreError) -> [FeedEvent]? {
    if !early.isEmpty, !Task.isCancelled {
      defer { early = [] }
      return early
    }
    return try await readNext()
  }

  /// Reads the message in which the watcher's position lies. False: it is no longer kept, or was
  /// never handed out.
  func readFirst() async throws(StoreError) -> Bool {
    let first = cursor.offset
    while cursor.offset == first, !Task.isCancelled {
      switch try read() {
      case nil: return false
      case .some(let events):
        early += events
        if cursor.offset == first {
          await reader.wait(watcher, for: cursor, generation: generation)
        }
      }
    }
    return true
  }

  private func readNext() async throws(StoreError) -> [FeedEvent]? {
    while !Task.isCancelled {
      guard let events = try read() else { return nil }
      if !events.isEmpty { return events }
      await reader.wait(watcher, for: cursor, generation: generation)
    }
    return []
  }

  /// Nil: what comes next is no longer kept.
  private func read() throws(StoreError) -> [FeedEvent]? {
    if isFallen { return nil }
    let (isOtherStream, isEnding) = reader.state.withLock {
      ($0.generation != generation, $0.isEnding)
    }
    if isEnding { throw .unavailable(cause: "RabbitMQ: shutting down", retryAfter: 1) }
    guard !isOtherStream else {
      isFallen = true
      return nil
    }
    switch reader.read(&cursor, of: watcher) {
    case .events(let events): return events
    case .failed(let error): throw error
    case .fallen:
      isFallen = true
      return nil
    }
  }
}
