import HTTP
import KeyValueStore
import Observability

/// Follows the feed for all watchers of a loop, as long as there are any, and offers each event to
/// those whose prefix it has.
///
/// Not Sendable: it belongs to the loop. `run` follows; everything else happens in between.
final class WatchHub {
  let metrics: WatchMetrics
  let store: Store
  let values: WatchValues
  private let authentication: any Authenticating
  private let surroundings: WatchSurroundings
  /// All watchers, also those that have not joined yet.
  private var watchers: [ObjectIdentifier: Watcher] = [:]
  /// Those that are offered events.
  private var joined = PrefixIndex<Watcher>()
  /// Nil unless the feed is followed, or was and will be again.
  private var log: WatchLog?
  /// What had been offered when the subscription began: some of that may come again.
  private var had: PlacesHad?
  /// What the feed is followed with; nil while the feed is away.
  private var subscription: (any ChangeSubscription)?
  /// Callers that wait until the feed is followed.
  private var waiters: [CheckedContinuation<StoreError?, Never>] = []
  /// Wakes `run`.
  private let (arrivals, arrival) = AsyncStream<Void>.makeStream(
    bufferingPolicy: .bufferingNewest(1))
  private var isOver = false
  private var tokenChangesSeen = 0
  private var isTimerSet = false

  private static let over = StoreError.unavailable(cause: "shutting down", retryAfter: 1)
  private static let retryInterval = Duration.seconds(1)
  private static let tokenInterval = Duration.milliseconds(500)
  /// If so many events come at a time there are more, and the connections get time to send.
  private static let portionCount = 256
  private static let portionPause = Duration.milliseconds(1)

  init(
    store: Store, authentication: any Authenticating, metrics: WatchMetrics,
    surroundings: WatchSurroundings
  ) {
    self.store = store
    self.authentication = authentication
    self.metrics = metrics
    values = WatchValues(store: store, bytesHeld: metrics.bytesHeld)
    self.surroundings = surroundings
  }

  /// Everything up to here has been offered; nil: the feed is not followed.
  var position: FeedPosition? { log?.end }

  /// After so long a silence, a watcher is sent a comment.
  var commentInterval: Duration { surroundings.commentInterval }

  // MARK: Watchers

  /// Lets a watcher in, which sees what comes after `position`, or from now on (nil). Afterwards it
  /// must be served, or leave.
  func admit(_ watcher: Watcher, after position: FeedPosition?) async throws(Problem) {
    guard !isOver, surroundings.places.take() else {
      throw Problem(StoreError.overloaded(retryAfter: 1))
    }
    watchers[ObjectIdentifier(watcher)] = watcher
    metrics.watchers.add(1)
    // The tokens may have changed since the request was let in.
    if !isAllowed(watcher) { watcher.finish(.token) }
    setTimer()
    let isKept: Bool
    do throws(StoreError) {
      isKept = try await begin(watcher, after: position)
    } catch {
      leave(watcher)
      throw Problem(error)
    }
    if !isKept {
      leave(watcher)
      throw Problem.positionGone
    }
  }

  /// Whether a watcher could begin after `position` now. It takes no place.
  func check(after position: FeedPosition?) async throws(Problem) {
    guard !isOver, surroundings.places.isFree else {
      throw Problem(StoreError.overloaded(retryAfter: 1))
    }
    var isKept = true
    do throws(StoreError) {
      try await store.checkFeed()
      if let position { isKept = try await store.follow(after: position) != nil }
    } catch {
      throw Problem(error)
    }
    if !isKept { throw Problem.positionGone }
  }

  /// False: the events after `position` are no longer kept, or it was never handed out.
  private func begin(
    _ watcher: Watcher, after position: FeedPosition?
  ) async throws(StoreError) -> Bool {
    let end = try await began()
    guard let position else {
      watcher.begin(after: end)
      joined.insert(watcher, prefix: watcher.prefix)
      return true
    }
    if log?.contains(position) == true {
      watcher.begin(after: position)
      return join(watcher, after: position)
    }
    guard let replay = try await store.follow(after: position) else { return false }
    watcher.begin(after: position, replay: replay)
    return true
  }

  /// Offers a watcher all that comes after `position`. False: the log does not reach back that far.
  func join(_ watcher: Watcher, after position: FeedPosition) -> Bool {
    guard let events = log?.events(after: position) else { return false }
    for event in events where event.change.key.bytes.starts(with: watcher.prefix) {
      watcher.offer(event)
    }
    joined.insert(watcher, prefix: watcher.prefix)
    return true
  }

  /// Offers a watcher again what comes after `position`. False: as `join`; it is offered nothing.
  func rejoin(_ watcher: Watcher, after position: FeedPosition) -> Bool {
    joined.remove(watcher, prefix: watcher.prefix)
    return join(watcher, after: position)
  }

  /// Sends a watcher its stream until that ends. The watcher then leaves.
  func serve(_ watcher: Watcher, to body: BodyStream) async {
    let reason = await watcher.run(to: body, from: self)
    leave(watcher)
    metrics.ended[reason].add()
  }

  /// Lets a watcher go, if it has not gone yet.
  func leave(_ watcher: Watcher) {
    guard watchers.removeValue(forKey: ObjectIdentifier(watcher)) != nil else { return }
    joined.remove(watcher, prefix: watcher.prefix)
    metrics.watchers.add(-1)
    surroundings.places.giveBack()
    guard watchers.isEmpty else { return }
    subscription?.end()
    subscription = nil
  }

  /// Notes how long ago the change of an event that is about to be sent was committed.
  func observeLag(of event: WatchEvent) {
    // The revision of an expiry is the time of the expiry, not that of its commit.
    if case .expire = event.change.kind { return }
    let now = store.now().microseconds
    metrics.lag.observe(.microseconds(now - event.change.revision.number))
  }
}

// MARK: - Following

extension WatchHub {
  /// Follows the feed while there are watchers, until its task is cancelled.
  func run() async {
    for await _ in arrivals {
      while !watchers.isEmpty, !Task.isCancelled { await follow() }
      log = nil
    }
    isOver = true
    answer(Self.over)
  }

  /// Returns once the feed is followed, with the position up to which that is done.
  private func began() async throws(StoreError) -> FeedPosition {
    if subscription == nil {
      arrival.yield()
      if let error = await withCheckedContinuation({ enqueue($0) }) { throw error }
    } else {
      // Those who follow wait until the feed is back. Those who come had better ask another server.
      try await store.checkFeed()
    }
    guard let log else {
      throw .unavailable(cause: "the feed has just been lost", retryAfter: 1)
    }
    return log.end
  }

  /// Answers `caller` once the feed is followed, or can't be; at once if it never will be.
  private func enqueue(_ caller: CheckedContinuation<StoreError?, Never>) {
    waiters.append(caller)
    if isOver { answer(Self.over) }
  }

  private func answer(_ error: StoreError?) {
    for waiter in waiters { waiter.resume(returning: error) }
    waiters = []
  }

  /// Follows the feed from where the log ends until it fails or there are no watchers.
  private func follow() async {
    do throws(StoreError) {
      guard let subscription = try await store.follow(after: log?.end) else { return fall() }
      if watchers.isEmpty { return }
      if log == nil { log = WatchLog(after: subscription.position) }
      had = log?.had
      self.subscription = subscription
      defer { if self.subscription === subscription { self.subscription = nil } }
      answer(nil)
      while true {
        guard let events = try await subscription.next() else { return fall() }
        if events.isEmpty { return }
        offer(events)
        // The connections send what they were offered before more comes.
        await Task.yield()
        if events.count >= Self.portionCount { await surroundings.pause(Self.portionPause) }
      }
    } catch {
      answer(error)
      // Callers that have just been answered leave first.
      await Task.yield()
      if !watchers.isEmpty { await surroundings.pause(Self.retryInterval) }
    }
  }

  private func offer(_ events: [FeedEvent]) {
    for event in events {
      if had?.contains(event.place) == true { continue }
      let event = WatchEvent(event)
      log?.append(event)
      joined.forEach(matching: event.change.key.bytes) { $0.offer(event) }
    }
  }

  /// The next events are no longer kept: those who wait for them come again, and are told so.
  private func fall() {
    joined.forEach { $0.finish(.fallen) }
    log = nil
  }
}

// MARK: - Tokens

extension WatchHub {
  /// Has the tokens looked at in a moment, if there are any.
  private func setTimer() {
    guard authentication.isRequired, !isTimerSet else { return }
    isTimerSet = true
    surroundings.after(Self.tokenInterval) { [weak self] in self?.checkTokens() }
  }

  /// Ends the watchers whose tokens were taken away, or allow less than before.
  private func checkTokens() {
    isTimerSet = false
    if watchers.isEmpty { return }
    let changes = authentication.changes
    if changes != tokenChangesSeen {
      tokenChangesSeen = changes
      for watcher in watchers.values where !isAllowed(watcher) { watcher.finish(.token) }
    }
    setTimer()
  }

  private func isAllowed(_ watcher: Watcher) -> Bool {
    guard authentication.isRequired else { return true }
    guard let authorization = watcher.head.first(.authorization),
      let principal = authentication.principal(authorization: authorization)
    else { return false }
    return principal.scopes.contains(.read) && watcher.prefix.starts(with: principal.keyPrefix)
  }
}

/// What a hub needs of its process. Called on the loop.
struct WatchSurroundings {
  /// The places of the process.
  let places: WatchPlaces
  /// After so long a silence, a watcher is sent a comment.
  let commentInterval: Duration
  /// Waits on the loop.
  let pause: (Duration) async -> Void
  /// Calls a closure on the loop after a time.
  let after: (Duration, @escaping () -> Void) -> Void
}
