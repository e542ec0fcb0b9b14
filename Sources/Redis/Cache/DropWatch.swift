internal import Basics
internal import KeyValueStore

/// Knows up to which time Redis has dropped nothing that is newer than a given update. Pure.
///
/// The problem: of two updates U1 < U2 of a key, U2 arrives first and is evicted, and then U1
/// arrives. It finds nothing, and yet it must not be kept. Redis does not say what it drops, but it
/// counts evictions. So every second a node *observes* Redis: the number of evictions, a marker
/// that lies beside the entries (a flush removes it, too), Redis' clock, and the node's own. The
/// script of an update creates an entry only if
///
/// - the update's revision is newer than the node's clock was at the observation, by the clock skew
///   at least: then nothing that had been dropped before was newer, as revisions are times. As long
///   as reads are off, other processes acknowledge what they told only the previous master, or
///   nobody (`RedisConfiguration.quarantine`), which is as good as dropped here: the revision must
///   also be newer than the end of that time;
/// - evictions and marker are as observed: nothing was dropped since, except by age;
/// - Redis' clock is within `validity` of the observation: whatever was written since is too young
///   to have been dropped by age. This also covers commands that a hanging Redis runs late.
///
/// Otherwise it leaves a floor: nothing to serve, only the revision below which nothing may be
/// kept. A floor lives longer than any observation is valid, and so does the lease that replaces it
/// and inherits its revision. So any newer update that was delivered since the observation is still
/// there to be compared with. A node that could not deliver an update repairs it with a floor.
///
/// An entry that is there is at least as new as all that was dropped before: it was either created
/// under these rules, or filled by a reader that got its lease after the drop. So anything newer
/// may replace it without regard to the observation.
///
/// When memory is short, Redis evicts all the time, and updates of keys that are not there leave
/// only floors; the next readers of these keys fill them.
struct DropWatch {
  /// How long an observation may be relied on.
  let validity: Duration
  /// When to observe again: early enough that the previous observation still counts for updates
  /// that are too close to the new one.
  var interval: Duration { validity / 2 }

  private let skew: Duration
  private var latest = Observation.none
  private var previous = Observation.none

  private struct Observation {
    /// Updates must be newer than this.
    let horizon: Revision
    /// Three arguments of the update's script.
    let arguments: [UInt8]

    /// No update may create an entry.
    static let none = Observation(
      horizon: Revision(.max), arguments: CommandBuffer.words(["", "", "0"]))
  }

  /// Leases and floors live for `leaseTime`, entries for longer.
  init(leaseTime: Duration, skew: Duration) {
    validity = min(.seconds(2), leaseTime * 2 / 5)
    self.skew = skew
  }

  /// Takes in the reply to the script `observe`, received at `time`. Reads stay off for `rest` from
  /// then on. False: the reply is malformed.
  mutating func observe(
    _ reply: RedisReply, at time: Timestamp, readingIn rest: Duration = .zero
  ) -> Bool {
    let words = reply.elements.compactMap(\.text)
    guard words.count == 3, let clock = Int64(words[2]) else { return false }
    previous = latest
    latest = Observation(
      horizon: Revision(time.microseconds + rest.microseconds + skew.microseconds),
      arguments: CommandBuffer.words([
        words[0], words[1], String(clock + validity.milliseconds),
      ]))
    return true
  }

  /// What the script compares with before it creates an entry. `revision` is that of the oldest of
  /// its updates.
  func arguments(for revision: Revision) -> [UInt8] {
    if latest.horizon < revision { return latest.arguments }
    if previous.horizon < revision { return previous.arguments }
    return Observation.none.arguments
  }
}
