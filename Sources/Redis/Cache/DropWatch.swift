internal import KeyValueStore

/// Knows up to when nothing was dropped from Redis that is newer than a given update. Pure.
///
/// The trouble: of two updates U1 < U2 of a key the newer comes first, is evicted, and the older
/// comes then. It finds nothing, and must not be kept. Redis drops without telling, but it counts.
/// So every second a node *observes* Redis: the number of evictions, a marker that lies beside the
/// entries (whoever flushes them, flushes it), Redis' clock, and its own. The script of an update
/// creates an entry only if
///
/// - the update's revision is newer than the node's clock was at the observation, by the clock skew
///   at least: then nothing that had been dropped before was newer, as revisions are times;
/// - evictions and marker are as observed: nothing was dropped since, except by age;
/// - Redis' clock is within `validity` of the observation: whatever was put since is too young to
///   have been dropped by age. That covers commands which a Redis that hung carries out late, too.
///
/// Else it leaves a floor: nothing to serve, but the revision below which nothing may be kept. It
/// stays longer than any observation is valid, as does the lease that takes its place and inherits
/// its revision. So whatever newer update was delivered since the observation is still there to be
/// compared with. A node which could not deliver an update repairs it with a floor.
///
/// An entry that is there is at least as new as all that was dropped before: it was either created
/// under these rules, or filled by a reader that got its lease after the drop. So it may be
/// replaced by anything newer, without a look at the observation.
///
/// When memory is short, Redis evicts all the time and updates of keys that are not there leave
/// floors only; their next readers fill them.
struct DropWatch {
  /// How long an observation may be relied on.
  let validity: Duration
  /// When to observe again: early enough that the one before still counts for updates which are too
  /// close to the new one.
  var interval: Duration { validity / 2 }

  private let skew: Duration
  private var latest = Observation.none
  private var previous = Observation.none

  /// What was seen.
  private struct Observation {
    /// Updates must be newer.
    let horizon: Revision
    /// Three arguments of the update's script.
    let arguments: [UInt8]

    /// Nothing complies with it.
    static let none = Observation(
      horizon: Revision(.max), arguments: CommandBuffer.words(["", "", "0"]))
  }

  /// Leases and floors live for `leaseTime`, entries for longer.
  init(leaseTime: Duration, skew: Duration) {
    validity = min(.seconds(2), leaseTime * 2 / 5)
    self.skew = skew
  }

  /// Takes in the reply to the script `observe`, received at `time`. False: it is none.
  mutating func observe(_ reply: RedisReply, at time: Timestamp) -> Bool {
    let words = reply.elements.compactMap(\.text)
    guard words.count == 3, let clock = Int64(words[2]) else { return false }
    previous = latest
    latest = Observation(
      horizon: Revision(time.microseconds + skew.nanoseconds / 1_000),
      arguments: CommandBuffer.words([
        words[0], words[1], String(clock + validity.milliseconds),
      ]))
    return true
  }

  /// What the script is to compare with before it creates an entry, if the oldest of its updates
  /// has this revision.
  func arguments(for revision: Revision) -> [UInt8] {
    if latest.horizon < revision { return latest.arguments }
    if previous.horizon < revision { return previous.arguments }
    return Observation.none.arguments
  }
}
