import Synchronization

/// The idempotency keys of requests that are being carried out by this process, on whichever loop.
///
/// It holds as many names as there are such requests in flight.
public final class IdempotencyRegistry: Sendable {
  private let names = Mutex<Set<String>>([])

  /// An empty registry; one a process.
  public init() {}

  /// How many requests are registered.
  public var count: Int { names.withLock { $0.count } }

  /// Registers a request. Throws `idempotencyInFlight` while another of this name is registered.
  func enter(_ name: String) throws(StoreError) {
    let isNew = names.withLock { $0.insert(name).inserted }
    if !isNew { throw .idempotencyInFlight }
  }

  /// Removes a request that `enter` has registered.
  func leave(_ name: String) {
    names.withLock { _ = $0.remove(name) }
  }
}
