import KeyValueStore

/// A queued write as a message of its own: the operation's id is the message's, the value is the
/// body, and the rest is in headers that an operator can read. So it lies in the dead-letter queue,
/// and so release 0.3 queued every write; those that are queued now travel in a `WriteGroup`.
///
/// The idempotency key is left out: it was decided when the write was accepted. So is the origin:
/// what is traced has come to its end with a dead letter.
enum WriteMessage {
  /// Why a message is not a write, and the operation's id if that can be read.
  struct Malformed: Error, Equatable {
    let reason: String
    let id: OperationID?
  }

  private static let version: Int64 = 1
  private static let put = Array("put".utf8)
  private static let delete = Array("delete".utf8)
  private static let any = Array("*".utf8)

  static func encode(_ queued: QueuedWrite) -> OutgoingMessage {
    let write = queued.write
    let packedBytes = write.key.bytes.count + 64
    switch write.mutation {
    case .put(let value, let contentType, let timeToLive):
      var message = OutgoingMessage(
        id: queued.id.text.utf8, body: value, packedBytes: packedBytes + contentType.utf8.count)
      message.add(.operation, put)
      message.add(.contentType, contentType.utf8)
      if let timeToLive { message.add(.timeToLive, timeToLive) }
      finish(&message, queued)
      return message
    case .delete:
      var message = OutgoingMessage(id: queued.id.text.utf8, body: [], packedBytes: packedBytes)
      message.add(.operation, delete)
      finish(&message, queued)
      return message
    case .patch: preconditionFailure("A patch is never queued")
    }
  }

  private static func finish(_ message: inout OutgoingMessage, _ queued: QueuedWrite) {
    message.add(.version, version)
    message.add(.key, queued.write.key.bytes)
    message.add(.acceptedAt, queued.acceptedAt.microseconds)
    if let attempt = queued.attempt {
      message.add(.attemptAt, attempt.committedAt.microseconds)
      message.add(.attemptNumber, attempt.number)
    }
    if let match = queued.write.condition.ifMatch { message.add(.ifMatch, text(of: match)) }
    if let match = queued.write.condition.ifNoneMatch { message.add(.ifNoneMatch, text(of: match)) }
  }

  private static func text(of match: Condition.Match) -> [UInt8] {
    switch match {
    case .any: any
    case .revisions(let revisions):
      Array(revisions.map { String($0.number) }.joined(separator: ",").utf8)
    }
  }

  /// Reads any message.
  static func decode(_ message: ReceivedMessage) throws(Malformed) -> QueuedWrite {
    let id = OperationID(String(decoding: message.id, as: UTF8.self))
    do throws(Reason) {
      guard let id else { throw Reason("its id is not that of an operation") }
      guard let found = message.integer(.version) else { throw Reason("it has no version") }
      guard found == version else { throw Reason("its version is unknown: \(found)") }
      guard let bytes = message.bytes(.key), let key = try? Key(validating: bytes) else {
        throw Reason("it has no key, or none that is allowed")
      }
      guard let acceptedAt = message.integer(.acceptedAt), acceptedAt > 0 else {
        throw Reason("it does not say when it was accepted")
      }
      let condition = Condition(
        ifMatch: try match(message[.ifMatch]), ifNoneMatch: try match(message[.ifNoneMatch]))
      return QueuedWrite(
        id: id,
        write: Write(key: key, mutation: try mutation(message), condition: condition),
        acceptedAt: Timestamp(microseconds: acceptedAt), attempt: try attempt(message))
    } catch {
      throw Malformed(reason: error.text, id: id)
    }
  }

  private struct Reason: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private static func mutation(_ message: ReceivedMessage) throws(Reason) -> Write.Mutation {
    switch message.bytes(.operation) {
    case put:
      guard
        let type = message.bytes(.contentType).flatMap({ String(validating: $0, as: UTF8.self) })
      else { throw Reason("it has no media type") }
      switch message[.timeToLive] {
      case nil:
        return .put(value: message.body, contentType: type, timeToLive: nil)
      case .integer(let seconds) where (1...Write.timeToLiveMax).contains(seconds):
        return .put(value: message.body, contentType: type, timeToLive: seconds)
      default:
        throw Reason("its time to live is out of bounds")
      }
    case delete:
      return .delete
    default:
      throw Reason("it says neither put nor delete")
    }
  }

  /// An attempt that can't be read must not count as none: the write could take effect twice.
  private static func attempt(_ message: ReceivedMessage) throws(Reason) -> OutboxID? {
    if message[.attemptAt] == nil, message[.attemptNumber] == nil { return nil }
    guard let time = message.integer(.attemptAt), let number = message.integer(.attemptNumber),
      number >= 0
    else { throw Reason("the commit of its first attempt can't be read") }
    return OutboxID(committedAt: Timestamp(microseconds: time), number: number)
  }

  /// A condition that can't be read must not count as none.
  private static func match(_ value: ReceivedMessage.Value?) throws(Reason) -> Condition.Match? {
    guard let value else { return nil }
    guard case .bytes(let bytes) = value else { throw Reason("its condition can't be read") }
    if bytes == any { return .any }
    if bytes.isEmpty { return .revisions([]) }
    var revisions: [Revision] = []
    for part in bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let number = Int64(String(decoding: part, as: UTF8.self)) else {
        throw Reason("its condition can't be read")
      }
      revisions.append(Revision(number))
    }
    return .revisions(revisions)
  }
}
