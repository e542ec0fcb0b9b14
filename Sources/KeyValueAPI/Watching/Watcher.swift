import HTTP
import KeyValueStore
import Observability

/// A client that watches changes, and the events that wait to be sent to it.
///
/// The hub offers it the events of its prefix; the task of its connection sends them. One that
/// resumes reads the feed by itself first. Not Sendable: it belongs to its loop.
final class Watcher {
  let prefix: [UInt8]
  /// The head of its request, which has its token.
  let head: RequestHead
  private let includesValues: Bool
  private let metrics: WatchMetrics
  /// Where the client was when it came.
  private var start: FeedPosition
  /// Where it resumes: it has been offered all events up to here.
  private var position: FeedPosition
  /// What it had when it joined the others.
  private var had: PlacesHad
  /// What it reads by itself before it joins the others; nil: it has joined them.
  private var replay: (any ChangeSubscription)?
  /// Why its stream ends, once that is decided.
  private(set) var end: WatchEnd?
  private var pending: [WatchEvent] = []
  /// The text of the pending events and of those that are being sent.
  private var bytesHeld = 0
  private var body: BodyStream?
  private var isSending = false
  private var isReadingValues = false
  /// Whether what was pending has been dropped: it resumes after `taken`.
  private var isBehind = false
  /// The last event that was taken to be sent.
  private var taken: FeedPosition
  private var lastSent = ContinuousClock.now

  /// What may wait for a client while it does not read, in bytes.
  static let bytesHeldMax = 1 << 20
  /// About as much is sent, or read of values, at a time.
  private static let portionBytes = 64 << 10
  private static let retryInterval = Duration.seconds(1)

  init(prefix: [UInt8], includesValues: Bool, head: RequestHead, metrics: WatchMetrics) {
    self.prefix = prefix
    self.includesValues = includesValues
    self.head = head
    self.metrics = metrics
    start = FeedPosition(offset: 0, index: 0)
    position = start
    taken = start
    had = PlacesHad(end: start)
  }

  // MARK: For the hub

  /// It follows what comes after `position`; first it reads `replay`, if there is one.
  func begin(after position: FeedPosition, replay: (any ChangeSubscription)? = nil) {
    start = position
    self.position = position
    had = PlacesHad(end: position)
    self.replay = replay
  }

  /// Has an event sent, unless it had it already.
  func offer(_ event: WatchEvent) {
    guard end == nil, !isBehind, !had.contains(event.place) else { return }
    let event = event.resuming(after: position)
    position = event.position
    pending.append(event)
    hold(event.text.count)
    if pending.count == 1 { body?.wake() }
    if bytesHeld <= Self.bytesHeldMax { return }
    // A client that has not been sent what waits is not slow.
    if isSending { finish(.slow) }
    // The values that it waits for are. What is pending is read again afterwards.
    if isReadingValues {
      isBehind = true
      hold(-pending.reduce(0) { $0 + $1.text.count })
      pending = []
    }
  }

  /// Ends the stream; at once, if the client does not read what is being sent.
  func finish(_ reason: WatchEnd) {
    guard end == nil else { return }
    end = reason
    if isSending { body?.abort() } else { body?.wake() }
  }

  // MARK: For its connection

  /// Sends the stream until it ends, and returns why.
  func run(to body: BodyStream, from hub: WatchHub) async -> WatchEnd {
    self.body = body
    defer {
      self.body = nil
      pending = []
      hold(-bytesHeld)
    }
    let start = start
    if await send({ $0.append(streamStartAt: start) }, to: body) {
      await catchUp(with: hub, body)
      await follow(hub, body)
      while isBehind, end == nil, body.ending == nil {
        await rejoin(hub, body)
        await follow(hub, body)
      }
    }
    if let end { return end }
    switch body.ending {
    case .slow: return .slow
    case .drain: return .drain
    case .gone, nil: return .client
    }
  }

  /// Reads the feed by itself until the hub knows everything that follows.
  private func catchUp(with hub: WatchHub, _ body: BodyStream) async {
    var subscription = replay
    replay = nil
    while let current = subscription, end == nil, !Task.isCancelled {
      do throws(StoreError) {
        guard let events = try await current.replay() else { return finish(.fallen) }
        // A long replay may have nothing for this client, which must be noticed to leave.
        guard await send(events, with: hub, body), body.listen() else { return }
        position = max(position, current.position)
        had.advance(to: position)
        if hub.join(self, after: position) { return }
        guard await commentIfQuiet(hub, body) else { return }
        // The other tasks of the loop are not to wait for a long replay.
        await Task.yield()
        guard events.isEmpty else { continue }
        if current.isHolding {
          // Another subscription would hold the same changes back anew, and so for ever.
          guard await body.wait(for: Self.retryInterval) != .ended else { return }
        } else {
          subscription = try await resume(hub)
        }
      } catch {
        subscription = await retry(hub, body)
      }
    }
  }

  /// Goes on after what was sent: with what the hub knows, or by itself.
  private func rejoin(_ hub: WatchHub, _ body: BodyStream) async {
    isBehind = false
    position = taken
    had = PlacesHad(end: taken)
    if hub.rejoin(self, after: position) { return }
    do throws(StoreError) {
      replay = try await resume(hub)
    } catch {
      replay = await retry(hub, body)
    }
    await catchUp(with: hub, body)
  }

  /// Reads on after its position; nil: that is no longer kept.
  private func resume(_ hub: WatchHub) async throws(StoreError) -> (any ChangeSubscription)? {
    let subscription = try await hub.store.follow(after: position)
    if subscription == nil { finish(.fallen) }
    return subscription
  }

  /// The feed is away: tries to read on until it is back. Nil: the stream has ended.
  private func retry(_ hub: WatchHub, _ body: BodyStream) async -> (any ChangeSubscription)? {
    while await body.wait(for: Self.retryInterval) != .ended, await commentIfQuiet(hub, body),
      end == nil, !Task.isCancelled
    {
      do throws(StoreError) {
        return try await resume(hub)
      } catch {}  // is tried again
    }
    return nil
  }

  /// Sends what the hub offers.
  private func follow(_ hub: WatchHub, _ body: BodyStream) async {
    while end == nil, !isBehind {
      let goesOn =
        pending.isEmpty ? await awaitEvents(hub, body) : await sendPending(with: hub, body)
      if !goesOn { return }
    }
  }

  /// Waits until it is woken; sends a comment if that takes long. False: the body has ended.
  private func awaitEvents(_ hub: WatchHub, _ body: BodyStream) async -> Bool {
    switch await body.wait(for: hub.commentInterval) {
    case .ended: return false
    case .timedOut where pending.isEmpty && end == nil:
      position = max(position, hub.position ?? position)
      return await sendComment(to: body)
    case .woken, .timedOut: return true
    }
  }

  /// Sends a comment if nothing was sent for long. False: the body has ended.
  private func commentIfQuiet(_ hub: WatchHub, _ body: BodyStream) async -> Bool {
    guard ContinuousClock.now - lastSent >= hub.commentInterval, end == nil else { return true }
    return await sendComment(to: body)
  }

  private func sendComment(to body: BodyStream) async -> Bool {
    let position = position
    return await send({ $0.append(commentAt: position) }, to: body)
  }
}

// MARK: - Sending

extension Watcher {
  /// Sends the events that are pending now. False: the body has ended.
  private func sendPending(with hub: WatchHub, _ body: BodyStream) async -> Bool {
    var events: [WatchEvent] = []
    swap(&events, &pending)
    hub.observeLag(of: events[0])
    taken = events[events.count - 1].position
    return await send(events, with: hub, body)
  }

  /// Sends what it watches of a replay.
  private func send(
    _ events: [FeedEvent], with hub: WatchHub, _ body: BodyStream
  ) async -> Bool {
    var watched: [WatchEvent] = []
    for event in events where event.change.key.bytes.starts(with: prefix) {
      guard had.insert(event.place, position: event.position) else { continue }
      watched.append(WatchEvent(event))
      hold(watched[watched.count - 1].text.count)
    }
    return await send(watched, with: hub, body)
  }

  private func send(
    _ events: [WatchEvent], with hub: WatchHub, _ body: BodyStream
  ) async -> Bool {
    var rest = events[...]
    while end == nil, let portion = nextPortion(of: &rest) {
      let texts = includesValues ? await withValues(portion, hub) : portion.map(\.text)
      if end != nil { return true }
      isSending = true
      defer { isSending = false }
      guard await send({ for text in texts { $0.append(contentsOf: text) } }, to: body) else {
        return false
      }
      metrics.events.add(portion.count)
      hold(-portion.reduce(0) { $0 + $1.text.count })
    }
    return true
  }

  /// Removes as many events as are sent at a time; nil: there are none.
  private func nextPortion(of rest: inout ArraySlice<WatchEvent>) -> ArraySlice<WatchEvent>? {
    if rest.isEmpty { return nil }
    var bytes = 0
    let end = rest.firstIndex { event in
      defer { bytes += event.text.count + (includesValues ? event.valueBytes : 0) }
      return bytes > Self.portionBytes
    }
    let portion = rest[..<(end ?? rest.endIndex)]
    rest = rest[portion.endIndex...]
    return portion
  }

  private func withValues(
    _ events: ArraySlice<WatchEvent>, _ hub: WatchHub
  ) async -> [[UInt8]] {
    isReadingValues = true
    defer { isReadingValues = false }
    return await hub.values.texts(of: events)
  }

  private func send(_ fill: (inout [UInt8]) -> Void, to body: BodyStream) async -> Bool {
    lastSent = .now
    return await body.send(fill)
  }

  /// Counts what waits for the client.
  private func hold(_ count: Int) {
    bytesHeld += count
    metrics.bytesHeld.add(count)
  }
}
