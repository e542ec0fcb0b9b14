internal import EventLoop

/// What a Sentinel said of the master.
struct SentinelAnswer: Equatable, Sendable {
  /// Which Redis it takes for the master.
  let view: MasterView
  /// When it was asked.
  let askedAt: Uptime

  /// Reads the reply to `SENTINEL MASTER name`: names and values in turn.
  init?(_ reply: RedisReply, askedAt: Uptime) {
    let words = reply.elements
    var fields: [String: String] = [:]
    for index in stride(from: 0, to: words.count - 1, by: 2) {
      guard let name = words[index].text, let value = words[index + 1].text else { return nil }
      fields[name] = value
    }
    guard let host = fields["ip"], HostLookup.isNumeric(host),
      let port = fields["port"].flatMap({ UInt16($0) }), port > 0,
      let epoch = fields["config-epoch"].flatMap({ Int64($0) })
    else { return nil }
    self.init(
      view: MasterView(address: HostAndPort(host: host, port: port), epoch: epoch),
      askedAt: askedAt)
  }

  init(view: MasterView, askedAt: Uptime) {
    self.view = view
    self.askedAt = askedAt
  }
}
