internal import KeyValueStore
internal import Synchronization

/// What all event loops of a process know of their Redis: where it is, whether that is certain, and
/// which keys it may have outdated. One for each process.
///
/// Reading it costs a look-up two relaxed loads.
public final class RedisMaster: Sendable {
  let failures: FailedUpdates
  let source: RedisConfiguration.Source
  private let state: Mutex<MasterView?>
  private let counters = Mutex<[RedisCounters]>([])
  /// Grows when another Redis is to be used.
  private let number = Atomic<Int>(0)
  /// Until when it is certain, in nanoseconds of `Uptime`.
  private let certainUntil = Atomic<UInt64>(0)
  /// See `settledFrom`; in nanoseconds of `Uptime`.
  private let settled = Atomic<UInt64>(0)

  /// The Redis that `configuration` names. With Sentinels it is unknown until a `SentinelWatch`
  /// runs.
  public init(_ configuration: RedisConfiguration) {
    failures = FailedUpdates(keysMax: configuration.failedUpdatesMax)
    source = configuration.source
    switch configuration.source {
    case .sentinels: state = Mutex(nil)
    case .server(let address):
      state = Mutex(MasterView(address: address, epoch: 0))
      certainUntil.store(.max, ordering: .relaxed)
    }
  }

  /// Where Redis is, as far as is known.
  public var address: HostAndPort? { state.withLock { $0?.address } }

  /// Whether a majority of the Sentinels has confirmed within the last second that Redis is there.
  public var isCertain: Bool { isCertain(at: Uptime.now()) }

  /// Keys whose update failed and that are not repaired yet.
  public var failedUpdates: Int { failures.count }

  /// Grows when another Redis is to be used.
  var version: Int { number.load(ordering: .acquiring) }

  func isCertain(at now: Uptime) -> Bool {
    now.nanoseconds < certainUntil.load(ordering: .relaxed)
  }

  /// From when on nobody trusts the Redis before this one any more.
  ///
  /// A majority has said that the master is another one, and every majority shares a Sentinel with
  /// it: what a node has heard from that one for the old master is older than this change, and
  /// counts for a vote's lifetime from then. Until it is over, another node may read from the old
  /// master what was written since, and acknowledge writes that only the old master was told of.
  var settledFrom: Uptime { Uptime(nanoseconds: settled.load(ordering: .acquiring)) }

  /// Which Redis is to be used, and the version of that.
  var current: (view: MasterView, version: Int)? {
    state.withLock { view in view.map { ($0, version) } }
  }

  /// A majority has agreed. Returns whether it is another Redis than before.
  func confirm(_ view: MasterView, until: Uptime) -> Bool {
    state.withLock { current in
      let isNew = current != view
      if isNew {
        // Nobody may take the new certainty for one about the old Redis.
        certainUntil.store(0, ordering: .relaxed)
        let settledFrom = Uptime.now().adding(SentinelVotes.lifetime)
        settled.store(settledFrom.nanoseconds, ordering: .releasing)
        current = view
        number.add(1, ordering: .acquiringAndReleasing)
      }
      certainUntil.store(until.nanoseconds, ordering: .releasing)
      return isNew
    }
  }

  /// Adds the counters of a loop.
  func register(_ added: RedisCounters) { counters.withLock { $0.append(added) } }

  /// What all loops have counted.
  public var totals: RedisTotals {
    counters.withLock { counters in
      var totals = RedisTotals()
      for counter in counters { counter.add(to: &totals) }
      return totals
    }
  }
}
