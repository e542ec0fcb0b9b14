internal import Basics
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
  /// Reads are off until then; see `RedisConfiguration.quarantine`.
  var readsFrom = MonotonicTime.distantFuture
  private var observedAt = MonotonicTime.distantPast
  private var watch: DropWatch

  private let readHead: [UInt8]
  private let scriptNames: [[UInt8]]
  private let life: [UInt8]
  private let leaseLife: [UInt8]
  private var buffer = CommandBuffer()
  // Sent at the end of the turn.
  private var reads: [(key: Key, continuation: UnsafeContinuation<StoredState, Never>)] = []
  private var leaseRequests:
    [(key: Key, token: UInt64, waiter: UnsafeContinuation<StoredState, Never>)] = []
  private var fills: [(key: Key, payload: EntryPayload, token: UInt64)] = []
  private var fillBytes = 0

  /// `digests` are Redis' names of the scripts, in the order of `CacheScript`.
  init(
    _ connection: RedisConnection, version: Int, generation: String, digests: [String],
    configuration: RedisConfiguration
  ) {
    self.connection = connection
    self.version = version
    self.generation = Array(generation.utf8)
    readHead = CommandBuffer.command(["GET", ""]).dropLast(6) + []
    scriptNames = digests.map { CommandBuffer.words(["EVALSHA", $0]) }
    let timeToLive = max(configuration.timeToLive, .seconds(10))
    let leaseTime = max(configuration.leaseTime, .seconds(2))
    life = CommandBuffer.words([String(timeToLive.milliseconds)])
    leaseLife = CommandBuffer.words([String(leaseTime.milliseconds)])
    watch = DropWatch(leaseTime: leaseTime, skew: configuration.clockSkew)
    connection.sendGathered = { [weak self] in
      self?.sendFills()
      self?.sendLeaseRequests()
      self?.sendReads()
    }
  }

  /// Whether a new observation is due.
  func needsObservation(at now: MonotonicTime) -> Bool { observedAt.adding(watch.interval) <= now }
}

// MARK: - Reading

extension RedisSession {
  /// What Redis keeps of a key. The reads of a turn go out together: a command costs Redis, hiredis
  /// and this process more than one more key in it.
  func read(_ key: Key) async -> StoredState {
    await withUnsafeContinuation { continuation in
      reads.append((key: key, continuation: continuation))
      if reads.count == RedisSession.keysInCommandMax {
        sendReads()
      } else {
        connection.gather()
      }
    }
  }

  private func sendReads() {
    guard let first = reads.first else { return }
    buffer.begin()
    if reads.count == 1 {
      buffer.append(raw: readHead)
      buffer.append(generation, first.key.bytes)
      connection.send(buffer.bytes, .read(first.key, first.continuation))
    } else {
      buffer.append(arrayOf: 1 + reads.count)
      buffer.append(raw: RedisSession.manyReadsName)
      for read in reads { buffer.append(generation, read.key.bytes) }
      connection.send(buffer.bytes, .reads(reads))
    }
    reads.removeAll(keepingCapacity: true)
  }

  private static let manyReadsName = CommandBuffer.words(["MGET"])

  /// What Redis keeps of each key: one command, one reply.
  func read(_ keys: [Key]) async -> [StoredState] {
    await withUnsafeContinuation { continuation in
      buffer.begin()
      buffer.append(arrayOf: 1 + keys.count)
      buffer.append(raw: RedisSession.manyReadsName)
      for key in keys { buffer.append(generation, key.bytes) }
      connection.send(buffer.bytes, .readAll(keys, continuation))
    }
  }

  /// Asks for the right to fill a key. Returns `leased`, or what Redis keeps of the key by now. The
  /// requests of a turn go out together: a script costs Redis more than its work for one key.
  func lease(_ key: Key, token: UInt64) async -> StoredState {
    await withUnsafeContinuation { continuation in
      leaseRequests.append((key: key, token: token, waiter: continuation))
      if leaseRequests.count == RedisSession.keysInCommandMax {
        sendLeaseRequests()
      } else {
        connection.gather()
      }
    }
  }

  private func sendLeaseRequests() {
    guard !leaseRequests.isEmpty else { return }
    loadMissingScripts()
    begin(.lease, keys: leaseRequests.count, arguments: 1 + leaseRequests.count)
    for request in leaseRequests { buffer.append(generation, request.key.bytes) }
    buffer.append(raw: leaseLife)
    for request in leaseRequests { buffer.append(RedisSession.text(of: request.token)) }
    let waiters = leaseRequests.map { (key: $0.key, continuation: $0.waiter) }
    leaseRequests.removeAll(keepingCapacity: true)
    connection.send(buffer.bytes, .reads(waiters))
  }

  private static func text(of token: UInt64) -> [UInt8] {
    var text: [UInt8] = []
    text.append(hexadecimal: token, digits: 16)
    return text
  }
}

// MARK: - Writing

extension RedisSession {
  /// Fills a key if its lease is still there. Does not wait: until the fill arrives, readers of the
  /// key find the lease. The fills of a turn, which come from one query, go out together.
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
    connection.send(buffer.bytes, .unawaited)
  }

  /// What a key is to hold.
  private typealias Setting = (key: Key, payload: EntryPayload)

  /// Keys in one command, unless they exceed `bytesInCommandMax`: Redis does nothing else while a
  /// script runs.
  static let keysInCommandMax = 64
  private static let bytesInCommandMax = 256 << 10

  /// Sends updates together and waits for all replies.
  func update(_ updates: [CacheUpdate]) async -> UpdateBatch.Outcome {
    await set(updates.map { (key: $0.key, payload: EntryPayload($0)) })
  }

  /// Replaces what is older than these revisions by floors.
  func repair(_ failed: [(key: Key, revision: Revision)]) async -> UpdateBatch.Outcome {
    await set(failed.map { (key: $0.key, payload: .floor($0.revision)) })
  }

  /// Tries again once if Redis has forgotten the script.
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
      batch.finishOne(.kept)
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
    // They come from one commit, and so from about the same moment.
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
      connection.send(CommandBuffer.command(["SCRIPT", "LOAD", script.source]), .unawaited)
    }
  }
}

// MARK: - Observing

extension RedisSession {
  /// Observes what Redis has dropped; see `DropWatch`. Returns its evictions; nil: it failed.
  /// - Parameter isWriting: whether to write the marker in any case, which fails on a Redis that
  ///   can't be written.
  func observe(isWriting: Bool = false, now: WallClock) async -> Int? {
    loadMissingScripts()
    begin(.observe, keys: 1, arguments: 2)
    buffer.append(generation)
    buffer.append(String(UInt64.random(in: 1 ... .max), radix: 16))
    buffer.append(isWriting ? "1" : "0")
    let start = MonotonicTime.now()
    guard let reply = await connection.call(buffer.bytes) else { return nil }
    if case .error(let words) = reply {
      if words.hasPrefix("NOSCRIPT") {
        connection.isMissingScripts = true
      } else {
        connection.close(.refused(words))
      }
      return nil
    }
    let rest = MonotonicTime.now().duration(to: readsFrom)
    guard watch.observe(reply, at: now(), readingIn: rest) else { return nil }
    observedAt = start
    return reply.elements[1].text.flatMap { Int($0) }
  }
}
