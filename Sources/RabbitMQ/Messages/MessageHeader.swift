/// Headers of messages that mean something to us, as they are spelt.
enum MessageHeader: UInt8, CaseIterable, Sendable {
  /// Version of the layout; a message of another one is not guessed at.
  case version
  /// `put` or `delete`.
  case operation
  case key
  /// When the write was accepted, in µs since 1970.
  case acceptedAt
  case contentType
  /// Seconds from the acceptance.
  case timeToLive
  /// The name of the commit in which the write may have taken effect before it was queued: a time
  /// in µs, and a number.
  case attemptAt
  case attemptNumber
  /// `*`, or revisions with commas between them.
  case ifMatch
  case ifNoneMatch
  /// How often a quorum queue has delivered this before; absent at first. The broker's.
  case deliveryCount
  /// Where a message stands in its stream. The broker's.
  case streamOffset

  /// The name on the wire; static, so that C may point to it.
  var name: StaticString {
    switch self {
    case .version: "version"
    case .operation: "operation"
    case .key: "key"
    case .acceptedAt: "accepted-at"
    case .contentType: "content-type"
    case .timeToLive: "ttl"
    case .attemptAt: "attempt-at"
    case .attemptNumber: "attempt-number"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .deliveryCount: "x-delivery-count"
    case .streamOffset: "x-stream-offset"
    }
  }

  /// The header of this name, nil if it means nothing to us.
  init?(name: UnsafeRawBufferPointer) {
    let found = MessageHeader.allCases.first { header in
      header.name.withUTF8Buffer { $0.elementsEqual(name) }
    }
    guard let found else { return nil }
    self = found
  }
}
