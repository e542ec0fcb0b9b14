/// Which Redis is the one to use.
struct MasterView: Equatable, Sendable {
  /// Where it listens; an IP address when Sentinels say it.
  var address: HostAndPort
  /// Grows with every failover, so that a Redis that becomes master a second time is another
  /// generation: what it kept from its first reign may be outdated. 0 without Sentinels.
  var epoch: Int64
}
