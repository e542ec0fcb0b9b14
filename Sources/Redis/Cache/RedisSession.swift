internal import KeyValueStore

/// A connection to a Redis that has proved to be the master, and the commands of the cache on it.
///
/// Not Sendable: it belongs to its cache.
final class RedisSession {
  let connection: RedisConnection
  /// The version of the `RedisMaster` that it was made for.
  let version: Int
  /// What every key begins with: the run id of this Redis and the number of its reign.
  let generation: [UInt8]
  /// Look-ups are answered from then on.
  var readsFrom = Uptime.distantPast
  private(set) var observedAt = Uptime.distantPast
  private var watch: DropWatch

  private let lookUpHead: [UInt8]
  private let scriptNames: [[UInt8]]
  private let life: [UInt8]
  private let leaseLife: [UInt8]
  private var buffer = CommandBuffer()
  /// What the end of the turn sends.
  private var wishes: [(key: Key, token: UInt64, waiter: UnsafeContinuation<StoredState, Never>)] =
    []
  private var fills: [(key: Key, payload: EntryPayload, token: UInt64)] = []
  private var fillBytes = 0

  /// A session of `generation`; `digests` are what Redis calls the scripts.
  init(
    _ connection: RedisConnection, version: Int, generation: String, digests: [String],
    configuration: RedisConfiguration
  ) {
    self.connection = connection
    self.version = version
    self.generation = Array(generation.utf8)
    lookUpHead = CommandBuffer.command(["GET", ""]).dropLast(6) + []
    scriptNames = digests.map { CommandBuffer.words(["EVALSHA", $0]) }
    let timeToLive = max(configuration.timeToLive, .seconds(10))
    let leaseTime = max(configuration.leaseTime, .seconds(2))
    life = CommandBuffer.words([String(timeToLive.milliseconds)])
    leaseLife = CommandBuffer.words([String(leaseTime.milliseconds)])
    watch = DropWatch(leaseTime: leaseTime, skew: configuration.clockSkew)
    connection.sendGathered = { [weak self] in
      self?.sendFills()
      self?.sendWishes()
    }
  }

  /// Whether a new observation is due.
  func needsObservation(at now: Uptime) -> Bool { observedAt.adding(watch.interval) <= now }
}

// MARK: - Reading

extension RedisSession {
  /// What Redis keeps of a key.
  func lookUp(_ key: Key) async -> StoredState {
    await withUnsafeContinuation { continuation in
      buffer.begin()
      buffer.append(raw: lookUpHead)
      buffer.append(generation, key.bytes)
      connection.send(buffer.bytes, .lookup(key, continuation))
    }
  }

  /// Asks for the right to fill a key: `leased`, or what Redis keeps of it by now. The wishes of a
  /// turn go out together: a script costs Redis more than what it does for a key.
  func lease(_ key: Key, token: UInt64) async -> StoredState {
    await withUnsafeContinuation { continuation in
      wishes.append((key: key, token: token, waiter: continuation))
      if wishes.count == RedisSession.keysInCommandMax { sendWishes() } else { connection.gather() }
    }
  }

  private func sendWishes() {
    guard !wishes.isEmpty else { return }
    loadMissingScripts()
    begin(.lease, keys: wishes.count, arguments: 1 + wishes.count)
    for wish in wishes { buffer.append(generation, wish.key.bytes) }
    buffer.append(raw: leaseLife)
    for wish in wishes { buffer.append(RedisSession.text(of: wish.token)) }
    let waiters = wishes.map { (key: $0.key, continuation: $0.waiter) }
    wishes.removeAll(keepingCapacity: true)
    connection.send(buffer.bytes, .lookups(waiters))
  }

  private static func text(of token: UInt64) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return stride(from: 60, through: 0, by: -4).map { digits[Int(token >> UInt64($0) & 15)] }
  }
}

// MARK: - Writing

extension RedisSession {
  /// Fills a key if the lease is still there. Nobody waits: who looks the key up before finds the
  /// lease. The fills of a turn, those of one look-up in the database, go out together.
  func fill(_ key: Key, with lookup: Lookup, token: UInt64) {
    let payload = EntryPayload(lookup)
    fills.append((key: key, payload: payload, token: token))
    fillBytes += payload.count
    if fills.count == RedisSession.keysInCommandMax || fillBytes > RedisSession.bytesInCommandMax {
      sendFills()
    } else {
      connection.gather()
    }
  }

  private func sendFills() {
    guard !fills.isEmpty else { return }
    loadMissingScripts()
    begin(.fill, keys: fills.count, arguments: 1 + 2 * fills.count)
    for fill in fills { buffer.append(generation, fill.key.bytes) }
    buffer.append(raw: life)
    for fill in fills {
      buffer.append(fill.payload)
      buffer.append(RedisSession.text(of: fill.token))
    }
    fills.removeAll(keepingCapacity: true)
    fillBytes = 0
    connection.send(buffer.bytes, .nobody)
  }

  /// What a key is to hold.
  private typealias Setting = (key: Key, payload: EntryPayload)

  /// Keys that one command carries, unless that makes it longer than the bytes: a script holds up
  /// everybody else while it runs.
  static let keysInCommandMax = 64
  private static let bytesInCommandMax = 256 << 10

  /// Sends updates in one go and waits for all replies.
  func update(_ updates: [CacheUpdate]) async -> UpdateBatch.Outcome {
    await set(updates.map { (key: $0.key, payload: EntryPayload($0)) })
  }

  /// Leaves floors where something older than these revisions is.
  func repair(_ failed: [(key: Key, revision: Revision)]) async -> UpdateBatch.Outcome {
    await set(failed.map { (key: $0.key, payload: .floor($0.revision)) })
  }

  /// Tries once more when Redis has forgotten the script.
  private func set(_ settings: [Setting]) async -> UpdateBatch.Outcome {
    let outcome = await send(settings)
    return outcome == .scriptMissing ? await send(settings) : outcome
  }

  private func send(_ settings: [Setting]) async -> UpdateBatch.Outcome {
    loadMissingScripts()
    return await withUnsafeContinuation { continuation in
      let batch = UpdateBatch(continuation)
      var start = 0
      while start < settings.count {
        let end = RedisSession.end(ofCommandFrom: start, in: settings)
        batch.expectReply()
        sendCommand(settings[start..<end], batch)
        start = end
      }
      batch.settle(.kept)
    }
  }

  private static func end(ofCommandFrom start: Int, in settings: [Setting]) -> Int {
    var end = start
    var bytes = 0
    repeat {
      bytes += settings[end].payload.count
      end += 1
    } while end < settings.count && end - start < keysInCommandMax
      && bytes + settings[end].payload.count <= bytesInCommandMax
    return end
  }

  private func sendCommand(_ settings: ArraySlice<Setting>, _ batch: UpdateBatch) {
    begin(.update, keys: 1 + settings.count, arguments: 5 + settings.count)
    buffer.append(generation)
    for setting in settings { buffer.append(generation, setting.key.bytes) }
    buffer.append(raw: life)
    buffer.append(raw: leaseLife)
    // They are of one commit, and so of about one moment.
    let oldest = settings.lazy.map(\.payload.revision).min() ?? .none
    buffer.append(raw: watch.arguments(for: oldest))
    for setting in settings { buffer.append(setting.payload) }
    connection.send(buffer.bytes, .update(batch))
  }

  private func begin(_ script: CacheScript, keys: Int, arguments: Int) {
    buffer.begin()
    buffer.append(arrayOf: 3 + keys + arguments)
    buffer.append(raw: scriptNames[script.rawValue])
    buffer.append(String(keys))
  }

  private func loadMissingScripts() {
    guard connection.isMissingScripts else { return }
    connection.isMissingScripts = false
    for script in CacheScript.allCases {
      connection.send(CommandBuffer.command(["SCRIPT", "LOAD", script.source]), .nobody)
    }
  }
}

// MARK: - Observing

extension RedisSession {
  /// Looks at what Redis has dropped; see `DropWatch`. Returns its evictions; nil: it failed.
  ///
  /// `isWriting`: writes the marker in any case, so that a Redis that can't be written is found
  /// out.
  func observe(isWriting: Bool = false, now: WallClock) async -> Int? {
    loadMissingScripts()
    begin(.observe, keys: 1, arguments: 2)
    buffer.append(generation)
    buffer.append(String(UInt64.random(in: 1 ... .max), radix: 16))
    buffer.append(isWriting ? "1" : "0")
    let start = Uptime.now()
    guard let reply = await connection.call(buffer.bytes) else { return nil }
    if case .error(let words) = reply {
      if words.hasPrefix("NOSCRIPT") {
        connection.isMissingScripts = true
      } else {
        connection.close(.refused(words))
      }
      return nil
    }
    guard watch.observe(reply, at: now()) else { return nil }
    observedAt = start
    return reply.elements[1].text.flatMap { Int($0) }
  }
}
