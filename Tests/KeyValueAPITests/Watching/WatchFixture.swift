import Embedded
import EventLoop
import Foundation
import KeyValueStore
import Logging
import Observability
import Synchronization

@testable import HTTP
@testable import KeyValueAPI
@testable import Service

/// A server on one loop whose feed fails when a test says so, and clients on a thread of their own:
/// they wait in blocking calls.
struct WatchFixture: Sendable {
  let backing: Backing
  let feed: FaultyFeed
  let registry: MetricsRegistry
  let port: UInt16

  static func with(
    feed: FaultyFeed = FaultyFeed(), limits: APILimits = APILimits(),
    _ body: @escaping @Sendable (WatchFixture) async throws -> Void
  ) async throws {
    let loop = try EventLoop(name: "server under test")
    let clients = try EventLoop(name: "clients", backend: .dispatch)
    for loop in [loop, clients] { loop.start() }
    let listener = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)[0]
    let fixture = WatchFixture(
      backing: Backing(), feed: feed, registry: MetricsRegistry(), port: listener.address.port)
    let server = fixture.makeServer(on: loop, limits: limits)
    try await withThrowingTaskGroup { group in
      group.addTask(executorPreference: loop.executor) { await server.run(listener) }
      group.addTask(executorPreference: clients.executor) { @concurrent in
        do {
          try await body(fixture)
        } catch {
          await server.abort()
          throw error
        }
        await server.abort()
      }
      try await group.waitForAll()
    }
    for loop in [loop, clients] { loop.stop() }
  }

  private func makeServer(on loop: EventLoop, limits: APILimits) -> HTTPServer {
    let store = Store(
      database: backing.database, cache: backing.cache, queue: backing.queue, feed: feed,
      inFlight: backing.inFlight, observer: SilentObserver(),
      now: { [backing] in backing.clock.now })
    let handler = APIHandler(
      store: store, authentication: OpenAccess(), observer: RecordingAPIObserver(), limits: limits,
      surroundings: APISurroundings(
        metricsText: { [] }, isLocalOnly: false, isDraining: { false }, isCrowded: { false },
        takeRoom: { _ in true }, returnRoom: { _ in },
        // Retries follow at once.
        pause: { _ in await Task.yield() },
        after: { duration, body in LoopTimer(on: loop, fire: body).set(after: duration) },
        watchPlaces: WatchPlaces(countMax: limits.watchersMax),
        watchMetrics: WatchMetrics(registry: registry)))
    return HTTPServer(
      loop: loop, configuration: HTTPConfiguration(), state: HTTPServerState(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, handler: handler,
      observer: ConnectionMetrics(registry: MetricsRegistry()))
  }

  /// Publishes a deletion of each key.
  func publish(_ keys: [String]) async throws {
    for key in keys {
      try await feed.publish(
        [Change(key: Key(trusted: Array(key.utf8)), revision: Revision(1), kind: .delete)])
    }
  }

  /// Writes past the cache, and returns the change, which is not published.
  func put(_ key: String, _ value: [UInt8]) async throws -> Change {
    let key = Key(trusted: Array(key.utf8))
    let write = Write(
      key: key, mutation: .put(value: value, contentType: "text/plain", timeToLive: nil))
    let result = await backing.database.write(each: [write], isPatient: false)[0]
    guard case .stored(let metadata) = try result.get().outcome else { throw WatchEnded() }
    return Change(key: key, revision: metadata.revision, kind: .put(metadata))
  }

  /// The value of a series.
  func metric(_ series: String) -> String? {
    String(decoding: registry.text(), as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix(series + " ") }.map { String($0.dropFirst(series.count + 1)) }
  }

  /// Follows the changes.
  func watch(_ query: String = "", method: String = "GET") throws -> WatchClient {
    try WatchClient(port: port, method: method, query: query)
  }
}

/// An embedded feed that fails when a test says so, and holds back the keys that begin with "late"
/// until the key "go" comes, or a replay is asked once more.
final class FaultyFeed: ChangeFeed, Sendable {
  private let wrapped: EmbeddedChangeFeed
  private let failure = Mutex<StoreError?>(nil)
  private let failures = Mutex(0)
  private let isEndless = Atomic(false)
  private let counts = Mutex((made: 0, alive: 0))

  init(eventsMax: Int = 65_536) { wrapped = EmbeddedChangeFeed(eventsMax: eventsMax) }

  /// Every call fails with `error` from now on; nil: none does.
  func fail(with error: StoreError?) { failure.withLock { $0 = error } }

  /// The next `times` attempts to subscribe fail.
  func failSubscribing(times: Int) { failures.withLock { $0 = times } }

  /// Replays never end from now on.
  func replayEndlessly() { isEndless.store(true, ordering: .relaxed) }

  var replaysEndlessly: Bool { isEndless.load(ordering: .relaxed) }

  /// Subscriptions that were ever made, and those that there are now.
  var subscriptions: (made: Int, alive: Int) { counts.withLock { $0 } }

  func check() throws(StoreError) {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    try await wrapped.publish(changes, settling: id)
  }

  func flush() async throws(StoreError) {}

  func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    try check()
    let fails = failures.withLock { count in
      count -= 1
      return count >= 0
    }
    if fails { throw .unavailable(cause: "the test", retryAfter: 1) }
    guard let subscription = try await wrapped.subscribe(after: position) else { return nil }
    counts.withLock { ($0.made, $0.alive) = ($0.made + 1, $0.alive + 1) }
    return FaultySubscription(subscription, of: self)
  }

  fileprivate func ended() { counts.withLock { $0.alive -= 1 } }
}

private final class FaultySubscription: ChangeSubscription {
  private let wrapped: any ChangeSubscription
  private let feed: FaultyFeed
  private var held: [FeedEvent] = []
  /// The position before the first event that is held.
  private var positionBefore: FeedPosition?
  private var hasReplayed = false

  init(_ wrapped: any ChangeSubscription, of feed: FaultyFeed) {
    self.wrapped = wrapped
    self.feed = feed
  }

  deinit { feed.ended() }

  var position: FeedPosition { positionBefore ?? wrapped.position }
  var isHolding: Bool { !held.isEmpty }

  func next() async throws(StoreError) -> [FeedEvent]? {
    while true {
      try feed.check()
      let before = wrapped.position
      let events = try await wrapped.next()
      try feed.check()
      guard let events, !events.isEmpty else { return events }
      let ready = order(events, after: before)
      if !ready.isEmpty { return ready }
    }
  }

  func replay() async throws(StoreError) -> [FeedEvent]? {
    try feed.check()
    if feed.replaysEndlessly {
      let change = Change(key: Key(trusted: [0]), revision: Revision(1), kind: .delete)
      return [FeedEvent(position: position, change: change)]
    }
    let before = wrapped.position
    guard let events = try await wrapped.replay() else { return nil }
    let ready = order(events, after: before)
    guard ready.isEmpty else { return ready }
    defer { hasReplayed = true }
    return hasReplayed ? release() : []
  }

  private func release() -> [FeedEvent] {
    defer { (held, positionBefore) = ([], nil) }
    return held.map {
      FeedEvent(position: wrapped.position, place: $0.place, change: $0.change)
    }
  }

  private func order(_ events: [FeedEvent], after position: FeedPosition) -> [FeedEvent] {
    var ready: [FeedEvent] = []
    var previous = position
    for event in events {
      if event.change.key.text.hasPrefix("late") {
        positionBefore = positionBefore ?? previous
        held.append(event)
      } else if event.change.key.text == "go" {
        positionBefore = nil
        ready += (held + [event]).map {
          FeedEvent(position: event.place, place: $0.place, change: $0.change)
        }
        held = []
      } else {
        ready.append(
          FeedEvent(
            position: positionBefore ?? event.place, place: event.place, change: event.change))
      }
      previous = event.place
    }
    return ready
  }

  func end() { wrapped.end() }
}

/// A client of `/watch` on a blocking socket.
final class WatchClient {
  private(set) var status = 0
  private let socket: Int32
  private var received: [UInt8] = []
  /// So many of these bytes hold no end of a block.
  private var searched = 0

  init(port: UInt16, method: String, query: String) throws {
    socket = try Self.connect(port)
    let request = Array("\(method) /watch?\(query) HTTP/1.0\r\nHost: localhost\r\n\r\n".utf8)
    guard send(socket, request, request.count, 0) == request.count else { throw WatchEnded() }
    // HTTP/1.0 is answered without chunks.
    while received.suffix(4) != [13, 10, 13, 10] {
      guard let byte = try read(1) else { break }
      received += byte
    }
    let head = String(decoding: received, as: UTF8.self)
    status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
    received = []
  }

  deinit { _ = Foundation.close(socket) }

  /// The keys of the next `count` events.
  func keys(_ count: Int) throws -> [String] {
    var keys: [String] = []
    while keys.count < count {
      guard let block = try block() else { throw WatchEnded() }
      if let match = block.firstMatch(of: /"key":"([^"]*)"/) { keys.append(String(match.1)) }
    }
    return keys
  }

  /// The next event, as it came.
  func event() throws -> String {
    while let block = try block() {
      if block.contains("\nevent: ") { return block }
    }
    throw WatchEnded()
  }

  /// The next position, of the beginning, a comment or an event.
  func position() throws -> String {
    guard let id = try block()?.firstMatch(of: /id: ([0-9.]+)/) else { throw WatchEnded() }
    return String(id.1)
  }

  /// The next events, each as its key and its position.
  func events(_ count: Int) throws -> [(key: String, position: String)] {
    var events: [(key: String, position: String)] = []
    while events.count < count {
      guard let block = try block() else { throw WatchEnded() }
      if let match = block.firstMatch(of: /id: ([0-9.]+)[^"]*"key":"([^"]*)"/) {
        events.append((String(match.2), String(match.1)))
      }
    }
    return events
  }

  /// The keys of the events until the stream ends.
  func rest() throws -> [String] {
    var keys: [String] = []
    while let block = try block() {
      if let match = block.firstMatch(of: /"key":"([^"]*)"/) { keys.append(String(match.1)) }
    }
    return keys
  }

  /// What comes before the next empty line; nil at the end.
  private func block() throws -> String? {
    while true {
      while let end = received[searched...].firstIndex(of: 10), end + 1 < received.count {
        searched = end + 1
        guard received[searched] == 10 else { continue }
        let block = String(decoding: received[..<end], as: UTF8.self)
        received.removeSubrange(...searched)
        searched = 0
        return block
      }
      searched = max(searched, received.count - 1)
      guard let more = try read(65_536) else { return nil }
      received += more
    }
  }

  /// Some of the bytes that come next; nil at the end.
  private func read(_ count: Int) throws -> ArraySlice<UInt8>? {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = recv(socket, &bytes, count, 0)
    guard got >= 0 else { throw WatchEnded() }
    return got == 0 ? nil : bytes[..<got]
  }

  private static func connect(_ port: UInt16) throws -> Int32 {
    #if os(Linux)
      let descriptor = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let descriptor = Foundation.socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw WatchEnded() }
    return descriptor
  }
}

/// The stream has ended before the test.
struct WatchEnded: Error {}
