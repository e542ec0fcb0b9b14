/// What happens in a run, besides chance: the requests of clients, and what befalls the system.
package struct Plan: Equatable, Sendable {
  package var seed: UInt64
  package var odds: Odds
  package var requests: [Request]
  package var incidents: [Incident]
  /// After this request of each client, more than a day passes; nil: it does not.
  package var leapAfter: Int?
  /// How wrong the clocks of the machines are, in seconds.
  package var clockErrors: [Int]

  package static let nodes = 3
  package static let workers = 2

  /// A request of a client, which sends one after the other.
  package struct Request: Equatable, Sendable {
    package let number: Int
    package let client: Int
    package let node: Int
    package let key: String
    package let action: Action
    /// How long the client waits before it, in ms.
    package let pause: Int
  }

  package enum Action: Equatable, Sendable {
    case read, freshRead
    case put(timeToLive: Int64?)
    case delete
    case add(Int64)
    case putIfAbsent
    /// If the entry is still the one that this client has seen last.
    case putIfUnchanged
    case queuedPut, queuedDelete
    /// Two puts and a read in one transaction.
    case batch(other: String)
    /// A put with the name of a request, which was perhaps sent before, by a client with these
    /// permissions.
    case named(first: Int, permissions: UInt8)
  }

  package struct Incident: Equatable, Sendable {
    /// When, in ms.
    package let at: Int
    package let kind: Kind

    package enum Kind: Equatable, Sendable {
      case nodeDies(Int), workerDies(Int)
      /// For so many ms.
      case nodeIsCut(Int, Int), workerIsCut(Int, Int)
      case databaseIsDown(Int), queueIsDown(Int), feedIsDown(Int), redisIsDown(Int),
        sentinelsAreDown(Int)
      case redisRestarts, failover
    }
  }
}
