import Embedded
import KeyValueStore
import TestSupport

@testable import RabbitMQ

extension OperationID {
  static func random() -> OperationID {
    var random = SystemRandomNumberGenerator()
    return .make(at: .systemTime(), random: &random)
  }
}

extension QueuedWrite {
  /// An unconditional put of a key.
  init(_ key: String, value: String = "value") {
    self.init(
      id: .random(),
      write: Write(
        key: Key(key),
        mutation: .put(value: Array(value.utf8), contentType: "text/plain", timeToLive: nil)),
      acceptedAt: .systemTime())
  }
}

extension Change {
  /// A delete of a key.
  init(_ key: String, revision: Int64 = 1) {
    self.init(key: Key(key), revision: Revision(revision), kind: .delete)
  }
}

extension OutgoingMessage {
  /// The message as a broker would deliver it.
  var received: ReceivedMessage {
    ReceivedMessage(
      id: Array(id),
      headers: headers.map { header in
        switch header.value {
        case .integer(let number): (header.name, .integer(number))
        case .bytes(let range): (header.name, .bytes(Array(packed[range])))
        }
      }, body: body)
  }
}

extension SeededGenerator {
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}

extension OutboxID {
  /// A different commit for each number.
  static func numbered(_ number: Int64) -> OutboxID {
    OutboxID(committedAt: Timestamp(microseconds: 1), number: number)
  }
}
