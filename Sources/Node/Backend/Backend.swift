package import EventLoop
package import KeyValueStore
package import Observability
package import ServiceLifecycle

/// What stands behind the stores of a process: the embedded database, or the services of a cluster.
/// Nobody else knows which.
package protocol Backend: Sendable {
  /// What metrics call it.
  var name: String { get }

  /// Whether nobody else purges what has expired.
  var needsPurging: Bool { get }

  /// What has to run as long as a store is used, in the order in which it starts.
  var services: [any Service] { get }

  /// Returns once `services`, which run already, are connected to what they need; or after some
  /// seconds all the same, as any of it may be down.
  func warmUp() async

  /// What the store of a loop works with; `number` counts the loops from 0.
  func makePorts(on loop: EventLoop, number: Int) -> StorePorts

  /// The database's clock, as it is known on a loop; acceptance times come from it.
  func clock(number: Int) -> WallClock

  /// What metrics tell of it now.
  func samples() async -> [MetricSample]

  /// Lets go of everything, when no store is used any more.
  func close() async
}
