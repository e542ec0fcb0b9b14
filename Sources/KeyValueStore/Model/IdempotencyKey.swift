import Synchronization

/// The name under which a request's first result is kept for 24 h.
public struct IdempotencyKey: Hashable, Sendable {
  /// The principal and the key that it sent, so that principals can't share a name.
  public let name: String
  /// SHA-256 of method, path, query, conditions, body and the sender's permissions. A request with
  /// the same name and another fingerprint is refused.
  public let fingerprint: [UInt8]

  public init(name: String, fingerprint: [UInt8]) {
    self.name = name
    self.fingerprint = fingerprint
  }
}

/// The idempotency keys of the requests in flight in this process, on all its loops.
///
/// Its size is bounded by the number of such requests.
public final class IdempotencyRegistry: Sendable {
  private let names = Mutex<Set<String>>([])

  /// An empty registry. A process has one.
  public init() {}

  /// The number of registered requests.
  public var count: Int { names.withLock { $0.count } }

  /// Registers a request. Throws `idempotencyInFlight` while another of this name is registered.
  func enter(_ name: String) throws(StoreError) {
    let isNew = names.withLock { $0.insert(name).inserted }
    if !isNew { throw .idempotencyInFlight }
  }

  /// Removes a request that `enter` registered.
  func leave(_ name: String) {
    names.withLock { _ = $0.remove(name) }
  }
}
