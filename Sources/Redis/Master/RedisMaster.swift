internal import Basics
internal import Observability
internal import Synchronization

/// Which Redis is the one to use.
struct MasterView: Equatable, Sendable {
  /// Where it listens; an IP address when Sentinels name it.
  var address: HostAndPort
  /// Grows with every failover, so that a Redis that becomes master a second time is another
  /// generation: what it kept from its first reign may be outdated. 0 without Sentinels.
  var epoch: Int64
}

/// What all event loops of a process know of their Redis: where it is, whether that is certain, and
/// which of its entries may be outdated. One for each process.
///
/// A read of the cache costs a few loads here.
public final class RedisMaster: Sendable {
  let failures: FailedUpdates
  private let state: Mutex<MasterView?>
  private let loops = Mutex<[RedisMetrics]>([])
  private let number = Atomic<Int>(0)
  /// Until when it is certain, as `MonotonicTime`.
  private let certainUntil = Atomic<UInt64>(0)
  /// See `previousVotesExpire`, as `MonotonicTime`.
  private let votesExpire = Atomic<UInt64>(0)

  /// The Redis that `configuration` names. With Sentinels it is unknown until a `SentinelWatch`
  /// runs.
  public init(_ configuration: RedisConfiguration) {
    failures = FailedUpdates(keysMax: configuration.failedUpdatesMax)
    switch configuration.source {
    case .sentinels: state = Mutex(nil)
    case .server(let address):
      state = Mutex(MasterView(address: address, epoch: 0))
      certainUntil.store(.max, ordering: .relaxed)
    }
  }

  /// Where Redis is, as far as known.
  var address: HostAndPort? { state.withLock { $0?.address } }

  /// Whether a majority of the Sentinels has confirmed within the last second that Redis is there.
  public var isCertain: Bool { isCertain(at: .now()) }

  /// Grows with each change of master, and when there is a majority again after there was none.
  var version: Int { number.load(ordering: .acquiring) }

  func isCertain(at now: MonotonicTime) -> Bool {
    // Whoever sees a new certainty then sees the version that it is about.
    now.nanoseconds < certainUntil.load(ordering: .acquiring)
  }

  /// The time from which on no process trusts the previous master any more.
  ///
  /// A majority has named a new master, and every other majority shares a Sentinel with it. What
  /// another process heard from that Sentinel in favour of the old master is older than the change,
  /// and counts for a vote's lifetime. Until then the process may read from the old master what was
  /// written since, and acknowledge writes that it told only the old master.
  var previousVotesExpire: MonotonicTime {
    MonotonicTime(nanoseconds: votesExpire.load(ordering: .acquiring))
  }

  /// For how long at most a process trusts a master that other processes can't update any more: as
  /// long as votes for it count.
  public static let trustTime = SentinelVotes.lifetime

  /// Which Redis to use, and the version of that.
  var current: (view: MasterView, version: Int)? {
    state.withLock { view in view.map { ($0, version) } }
  }

  /// Takes in the agreement of a majority. Returns whether it is another Redis than before.
  ///
  /// While there was no majority, other processes may have had none either, and acknowledged writes
  /// without a repair. So even the same Redis then needs new sessions, which wait for them
  /// (`RedisConfiguration.quarantine`).
  func confirm(_ view: MasterView, until: MonotonicTime) -> Bool {
    state.withLock { current in
      let isNew = current != view
      if isNew {
        let expiry = MonotonicTime.now().adding(SentinelVotes.lifetime)
        votesExpire.store(expiry.nanoseconds, ordering: .releasing)
        current = view
      }
      if isNew || !isCertain {
        // A loop must not read the new certainty as one about the old sessions.
        certainUntil.store(0, ordering: .relaxed)
        number.add(1, ordering: .acquiringAndReleasing)
      }
      certainUntil.store(until.nanoseconds, ordering: .releasing)
      return isNew
    }
  }

  /// Adds what a loop counts to `reads`.
  func register(_ metrics: RedisMetrics) { loops.withLock { $0.append(metrics) } }

  /// How many reads Redis has answered, and how many it has not, on all loops.
  var reads: (hits: Int, misses: Int) {
    loops.withLock { loops in
      loops.reduce((0, 0)) { ($0.0 + Int($1.hits.value), $0.1 + Int($1.misses.value)) }
    }
  }
}
