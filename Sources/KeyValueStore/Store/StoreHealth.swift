/// Which of the services behind a store work.
public struct StoreHealth: Equatable, Sendable {
  /// Database, cache and queue, in this order.
  public let components: [Component]

  /// One service behind a store.
  public struct Component: Equatable, Sendable {
    /// Which one.
    public let name: Name
    /// Whether it answered its check.
    public let isHealthy: Bool
    /// Why not, or that it is busy; nil when all is well. For operators: it may name hosts.
    public let detail: String?

    /// The services, spelt as clients see them.
    public enum Name: String, Sendable {
      /// Where entries live.
      case database
      /// What answers most reads.
      case cache
      /// What takes asynchronous writes.
      case queue
    }

    /// The result of one check.
    public init(name: Name, isHealthy: Bool, detail: String?) {
      self.name = name
      self.isHealthy = isHealthy
      self.detail = detail
    }
  }

  /// The whole in one word, spelt as clients see it.
  public enum Status: String, Sendable {
    /// Everything works.
    case healthy
    /// Keys are served, but the cache or the queue is away.
    case degraded
    /// The database is away: only cached keys are served.
    case unhealthy
  }

  /// The results of all checks.
  public init(components: [Component]) {
    self.components = components
  }

  /// Unhealthy without a database; degraded without anything else.
  public var status: Status {
    let failing = components.filter { !$0.isHealthy }
    if failing.isEmpty { return .healthy }
    return failing.contains { $0.name == .database } ? .unhealthy : .degraded
  }
}
