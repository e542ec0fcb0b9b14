import Basics
import KeyValueStore

/// A change, as an event of a stream (WHATWG HTML §9.2.5). All watchers of a loop share it, so that
/// its text is made once, and only if one of them gets it. Not Sendable: it belongs to the loop.
final class WatchEvent {
  /// See `FeedEvent`.
  let place: FeedPosition
  /// A client that has had it resumes after this position: the `id` of its text.
  let position: FeedPosition
  let change: Change

  /// The event without a value.
  private(set) lazy var text = makeText(value: nil)
  /// The event with its value, or without if that is not to be had; nil: not made, or not kept.
  var textWithValue: [UInt8]?
  /// Whether its value is to be read.
  var isWanted = false

  init(_ event: FeedEvent) {
    place = event.place
    position = event.position
    change = event.change
  }

  var isPut: Bool {
    if case .put = change.kind { true } else { false }
  }

  /// The event for a watcher that has had everything up to `position`. The feed may hold back for
  /// others what this one has had.
  func resuming(after position: FeedPosition) -> WatchEvent {
    if position <= self.position { return self }
    return WatchEvent(FeedEvent(position: position, place: place, change: change))
  }

  /// The length of the value that its key got.
  var valueBytes: Int {
    if case .put(let metadata) = change.kind { metadata.size } else { 0 }
  }

  /// The event with the value that its key got by the change.
  func makeText(value: [UInt8]?) -> [UInt8] {
    var writer = JSONWriter(
      reserving: 2 * change.key.bytes.count + 256 + (value.map { $0.count * 4 / 3 } ?? 0))
    writer.beginObject()
    switch change.kind {
    case .put(let metadata):
      writer.write(membersOf: metadata)
      if let value { writer.write(value: value) }
    case .delete, .expire:
      writer.name("key")
      writer.string(utf8: change.key.bytes)
      writer.name("revision")
      writer.number(change.revision.number)
    }
    writer.endObject()
    var text: [UInt8] = []
    text.reserveCapacity(writer.bytes.count + 64)
    text.append(id: position)
    text.append("\nevent: ")
    text.append(name)
    // JSON escapes line ends, so the data is one line.
    text.append("\ndata: ")
    text.append(contentsOf: writer.bytes)
    text.append("\n\n")
    return text
  }

  private var name: StaticString {
    switch change.kind {
    case .put: "put"
    case .delete: "delete"
    case .expire: "expire"
    }
  }
}

/// What a stream consists of beside events.
extension [UInt8] {
  /// Appends what a stream begins with: after how many milliseconds the client connects again, and
  /// its position, so that it can resume even if it never gets an event.
  mutating func append(streamStartAt position: FeedPosition) {
    append("retry: 2000\n: the position from which you follow\n")
    append(id: position)
    append("\n\n")
  }

  /// Appends a comment that keeps the connection alive. The position moves on, too: what the client
  /// does not watch must not make it fall behind.
  mutating func append(commentAt position: FeedPosition) {
    append(":\n")
    append(id: position)
    append("\n\n")
  }

  fileprivate mutating func append(id position: FeedPosition) {
    append("id: ")
    append(decimal: position.offset)
    append(".")
    append(decimal: Int64(position.index))
  }
}
