import KeyValueStore

/// Queued writes that travel in one message: those that waited for the publisher at the same time.
/// A message carries one write when it is quiet and hundreds under load, so that the broker's cost
/// of a write falls as the load rises.
///
/// The message has the version 2 in its headers, and the id of its first write. Its body holds the
/// writes one after the other, each as a text: so one that can't be read does not hide the others.
///
/// The idempotency keys are left out: they were decided when the writes were accepted.
enum WriteGroup {
  /// What tells such a message from a `WriteMessage`, which has 1.
  static let version: Int64 = 2

  /// One write of a message.
  struct Piece: Equatable, Sendable {
    let content: Delivery.Content
    /// What it takes in memory, roughly.
    let bytes: Int
    /// As the message has it, unless it can be read.
    var damaged: [UInt8]?
  }

  /// What a write has, as bits of its first byte. Its id, time and key follow; then what the bits
  /// name, in their order. No bit: a delete without condition.
  fileprivate struct Parts: OptionSet {
    let rawValue: UInt8

    static let attempt = Parts(rawValue: 1)
    static let ifMatch = Parts(rawValue: 2)
    static let ifNoneMatch = Parts(rawValue: 4)
    static let timeToLive = Parts(rawValue: 8)
    /// Media type and value.
    static let value = Parts(rawValue: 16)
    /// A trace and a span.
    static let origin = Parts(rawValue: 32)
    static let all: Parts = [.attempt, .ifMatch, .ifNoneMatch, .timeToLive, .value, .origin]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(of queued: QueuedWrite) {
      self = []
      if queued.attempt != nil { insert(.attempt) }
      if queued.write.condition.ifMatch != nil { insert(.ifMatch) }
      if queued.write.condition.ifNoneMatch != nil { insert(.ifNoneMatch) }
      if case .put(_, _, let timeToLive) = queued.write.mutation {
        insert(.value)
        if timeToLive != nil { insert(.timeToLive) }
      }
      if queued.origin != nil { insert(.origin) }
    }
  }

  /// How a match is written: as -1, or as the number of its revisions, which follow.
  fileprivate static let any: Int64 = -1

  // MARK: Writing

  /// One write, as a part of a body.
  static func encode(_ queued: QueuedWrite) -> [UInt8] {
    let write = queued.write
    var writer = ByteWriter(bytes: [])
    writer.bytes.reserveCapacity(128 + write.weight)
    // For the length.
    writer.bytes.append(contentsOf: [0, 0, 0, 0])
    writer.bytes.append(Parts(of: queued).rawValue)
    writer.add(queued.id.text.utf8)
    writer.add(queued.acceptedAt.microseconds)
    writer.add(write.key.bytes)
    if let attempt = queued.attempt {
      writer.add(attempt.committedAt.microseconds)
      writer.add(attempt.number)
    }
    if let match = write.condition.ifMatch { writer.add(match) }
    if let match = write.condition.ifNoneMatch { writer.add(match) }
    switch write.mutation {
    case .put(let value, let contentType, let timeToLive):
      if let timeToLive { writer.add(timeToLive) }
      writer.add(contentType.utf8)
      writer.add(value)
    case .delete: break
    case .patch: preconditionFailure("A patch is never queued")
    }
    if let origin = queued.origin { writer.add(origin) }
    let length = UInt32(writer.bytes.count - 4)
    withUnsafeBytes(of: length.bigEndian) { writer.bytes.replaceSubrange(0..<4, with: $0) }
    return writer.bytes
  }

  /// A message of writes, each as `encode` has made it.
  /// - Parameter id: that of the first.
  static func message(of writes: [[UInt8]], id: OperationID) -> OutgoingMessage {
    if writes.count == 1 { return message(id, body: writes[0]) }
    var body: [UInt8] = []
    body.reserveCapacity(writes.reduce(0) { $0 + $1.count })
    for write in writes { body += write }
    return message(id, body: body)
  }

  /// A message of one write that can't be read, as another message had it.
  static func message(damaged piece: [UInt8], id: OperationID?) -> OutgoingMessage {
    var writer = ByteWriter(bytes: [])
    writer.add(piece)
    return message(id, body: writer.bytes)
  }

  private static func message(_ id: OperationID?, body: [UInt8]) -> OutgoingMessage {
    var message = OutgoingMessage(id: (id?.text ?? "").utf8, body: body)
    message.add(.version, version)
    return message
  }

  // MARK: Reading

  /// Reads any body. Nil: it can't be cut into writes.
  static func decode(_ body: [UInt8]) -> [Piece]? {
    var reader = ByteReader(body)
    var pieces: [Piece] = []
    repeat {
      // A shorter one is no write. So few bytes can't be so many pieces that they fill the memory.
      guard let bytes = reader.readText(), bytes.count >= pieceBytesMin else { return nil }
      let taken = ReceivedMessage.bytesBesidesBody + bytes.count
      do throws(WriteMessage.Malformed) {
        pieces.append(Piece(content: .write(try decode(piece: bytes)), bytes: taken))
      } catch {
        let content = Delivery.Content.malformed(reason: error.reason, id: error.id)
        pieces.append(Piece(content: content, bytes: taken, damaged: bytes))
      }
    } while !reader.isAtEnd
    return pieces
  }

  /// What a delete of a key of one byte takes.
  private static let pieceBytesMin = 1 + (4 + 36) + 8 + (4 + 1)

  private static func decode(piece: [UInt8]) throws(WriteMessage.Malformed) -> QueuedWrite {
    var reader = ByteReader(piece)
    let parts = Parts(rawValue: reader.readByte() ?? 0)
    let id = reader.readText().flatMap { OperationID(String(decoding: $0, as: UTF8.self)) }
    do throws(Reason) {
      guard let id else { throw Reason("its id is not that of an operation") }
      guard parts.isSubset(of: .all) else { throw Reason("it has parts that are unknown") }
      guard let acceptedAt = reader.readNumber(), acceptedAt > 0 else {
        throw Reason("it does not say when it was accepted")
      }
      guard let bytes = reader.readText(), let key = try? Key(validating: bytes) else {
        throw Reason("it has no key, or none that is allowed")
      }
      let attempt = parts.contains(.attempt) ? try reader.readAttempt() : nil
      let ifMatch = parts.contains(.ifMatch) ? try reader.readMatch() : nil
      let ifNoneMatch = parts.contains(.ifNoneMatch) ? try reader.readMatch() : nil
      let mutation = try reader.readMutation(parts)
      let origin = parts.contains(.origin) ? try reader.readOrigin() : nil
      guard reader.isAtEnd else { throw Reason("something follows its end") }
      let condition = Condition(ifMatch: ifMatch, ifNoneMatch: ifNoneMatch)
      return QueuedWrite(
        id: id, write: Write(key: key, mutation: mutation, condition: condition),
        acceptedAt: Timestamp(microseconds: acceptedAt), attempt: attempt, origin: origin)
    } catch {
      throw WriteMessage.Malformed(reason: error.text, id: id)
    }
  }

  fileprivate struct Reason: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }
}

extension ByteWriter {
  fileprivate mutating func add(_ origin: TraceContext) {
    for half in [origin.traceHigh, origin.traceLow, origin.span] {
      add(Int64(bitPattern: half))
    }
  }

  fileprivate mutating func add(_ match: Condition.Match) {
    switch match {
    case .any: add(WriteGroup.any)
    case .revisions(let revisions):
      add(Int64(revisions.count))
      for revision in revisions { add(revision.number) }
    }
  }
}

extension ByteReader {
  /// An attempt that can't be read must not count as none: the write could take effect twice.
  fileprivate mutating func readAttempt() throws(WriteGroup.Reason) -> OutboxID {
    guard let time = readNumber(), let number = readNumber(), number >= 0 else {
      throw WriteGroup.Reason("the commit of its first attempt can't be read")
    }
    return OutboxID(committedAt: Timestamp(microseconds: time), number: number)
  }

  /// A condition that can't be read must not count as none.
  fileprivate mutating func readMatch() throws(WriteGroup.Reason) -> Condition.Match {
    guard let count = readNumber(), count >= WriteGroup.any else {
      throw WriteGroup.Reason("its condition can't be read")
    }
    if count == WriteGroup.any { return .any }
    var revisions: [Revision] = []
    // Ends at the end of the bytes, whatever the number is.
    while revisions.count < count {
      guard let number = readNumber() else {
        throw WriteGroup.Reason("its condition can't be read")
      }
      revisions.append(Revision(number))
    }
    return .revisions(revisions)
  }

  /// One that is no place in a trace counts as none: the write is what matters.
  fileprivate mutating func readOrigin() throws(WriteGroup.Reason) -> TraceContext? {
    guard let high = readNumber(), let low = readNumber(), let span = readNumber() else {
      throw WriteGroup.Reason("its trace can't be read")
    }
    return TraceContext(
      traceHigh: UInt64(bitPattern: high), traceLow: UInt64(bitPattern: low),
      span: UInt64(bitPattern: span))
  }

  fileprivate mutating func readMutation(
    _ parts: WriteGroup.Parts
  ) throws(WriteGroup.Reason) -> Write.Mutation {
    guard parts.contains(.value) else {
      guard !parts.contains(.timeToLive) else {
        throw WriteGroup.Reason("it is a delete with a time to live")
      }
      return .delete
    }
    var timeToLive: Int64?
    if parts.contains(.timeToLive) {
      guard let seconds = readNumber(), (1...Write.timeToLiveMax).contains(seconds) else {
        throw WriteGroup.Reason("its time to live is out of bounds")
      }
      timeToLive = seconds
    }
    guard let type = readText().flatMap({ String(validating: $0, as: UTF8.self) }) else {
      throw WriteGroup.Reason("it has no media type")
    }
    guard let value = readText() else { throw WriteGroup.Reason("it has no value") }
    return .put(value: value, contentType: type, timeToLive: timeToLive)
  }
}
