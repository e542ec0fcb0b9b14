internal import KeyValueStore

/// The servers that hold the cache of a run, and which of them the Sentinels call the master.
package final class SimulatedRedis {
  package let stage: Stage
  private(set) var servers: [Server] = []
  /// Every change of master, the first one at the beginning.
  private(set) var reigns: [Reign] = []

  /// Whether nobody reaches any server.
  package var isAway = false

  struct Reign {
    let server: Server
    let since: Duration
  }

  package init(on stage: Stage) {
    self.stage = stage
    servers = (0..<2).map { Server("redis-\($0)", on: stage) }
    reigns = [Reign(server: servers[0], since: .zero)]
  }

  package var master: Server { reigns[reigns.count - 1].server }

  /// Makes the other server the master. The previous one goes on for those who have not heard of
  /// it.
  package func failOver() {
    let next = servers.first { $0 !== master }!
    next.isUp = true
    stage.note("\(next.name) becomes the master")
    reigns.append(Reign(server: next, since: stage.simulator.elapsed))
  }
}

extension SimulatedRedis {
  /// One Redis. It keeps an entry, a lease or a floor of a key: see `CacheScript`.
  package final class Server {
    package let name: String
    private let stage: Stage
    /// Whether it answers.
    package var isUp = true
    /// Grows with every start.
    private(set) var runID = 0
    private var spaces: [Generation: CacheSpace] = [:]

    init(_ name: String, on stage: Stage) {
      self.name = name
      self.stage = stage
    }

    /// Begins again, empty.
    package func restart() {
      stage.note("\(name) restarts, empty")
      runID += 1
      spaces = [:]
      isUp = true
    }

    /// What the keys of a generation hold.
    subscript(generation: Generation) -> CacheSpace {
      // Those who use it know when they began to: see `CacheConnection.observe`.
      get { spaces[generation] ?? CacheSpace(floor: .none) }
      set { spaces[generation] = newValue }
    }
  }

  /// What every key begins with: the run of a server and the number of its reign.
  struct Generation: Hashable {
    let runID: Int
    let reign: Int
  }
}
