import KeyValueStore
import TestSupport
import Testing

@testable import RabbitMQ

@Suite("A queued write travels as a message")
struct WriteMessageTests {
  private static let matches: [Condition.Match?] = [
    nil, .any, .revisions([]), .revisions([Revision(1)]),
    .revisions([Revision(.max), Revision(.min), Revision(0)]),
  ]

  private static let mutations: [Write.Mutation] = [
    .delete, .put(value: [], contentType: "", timeToLive: nil),
    .put(value: (0...255).map { UInt8($0) }, contentType: "a/b; c=\"é\"", timeToLive: 1),
    .put(
      value: [UInt8](repeating: 7, count: 1 << 20),
      contentType: String(repeating: "x", count: 10_000),
      timeToLive: Write.timeToLiveMax),
  ]

  @Test("Every mutation with every condition comes back as it was")
  func roundTrip() throws {
    let keys = [Key("k"), Key(trusted: [UInt8](repeating: 0x6B, count: 1_024)), Key("é/ %\u{80}")]
    for mutation in WriteMessageTests.mutations {
      for ifMatch in WriteMessageTests.matches {
        for ifNoneMatch in WriteMessageTests.matches {
          for key in keys {
            let isFirst = Bool.random()
            let queued = QueuedWrite(
              id: .random(),
              write: Write(
                key: key, mutation: mutation,
                condition: Condition(ifMatch: ifMatch, ifNoneMatch: ifNoneMatch)),
              acceptedAt: Timestamp(microseconds: .random(in: 1 ... .max)),
              attempt: isFirst ? nil : .numbered(.random(in: 0 ... .max)))
            let message = WriteMessage.encode(queued)
            #expect(try WriteMessage.decode(message.received) == queued)
          }
        }
      }
    }
  }

  @Test("A message of release 0.3, which has no attempts, is read as it was meant")
  func releaseBefore() throws {
    let queued = QueuedWrite(
      id: .random(),
      write: Write(
        key: Key("k"), mutation: .put(value: [1], contentType: "a/b", timeToLive: 60)),
      acceptedAt: Timestamp(microseconds: 1_700_000_000_000_000))
    let message = ReceivedMessage(
      id: Array(queued.id.text.utf8),
      headers: [
        (.operation, .bytes(Array("put".utf8))), (.contentType, .bytes(Array("a/b".utf8))),
        (.timeToLive, .integer(60)), (.version, .integer(1)), (.key, .bytes(Array("k".utf8))),
        (.acceptedAt, .integer(1_700_000_000_000_000)),
      ], body: [1])
    #expect(try WriteMessage.decode(message) == queued)
    #expect(WriteMessage.encode(queued).received == message)
  }

  @Test("An attempt that can't be read does not count as none")
  func attempt() {
    let message = WriteMessage.encode(QueuedWrite("k")).received
    for headers in [
      [(MessageHeader.attemptAt, ReceivedMessage.Value.integer(1))],
      [(.attemptNumber, .integer(1))], [(.attemptAt, .other), (.attemptNumber, .integer(1))],
      [(.attemptAt, .integer(1)), (.attemptNumber, .bytes([]))],
      [(.attemptAt, .integer(1)), (.attemptNumber, .integer(-1))],
    ] {
      var changed = message
      changed.headers += headers
      #expect(reason(changed) != nil, "\(headers)")
    }
  }

  @Test("An idempotency key is left out: it was decided before")
  func idempotency() throws {
    var queued = QueuedWrite("k")
    queued.write.idempotency = IdempotencyKey(name: "n", fingerprint: [1])
    let decoded = try WriteMessage.decode(WriteMessage.encode(queued).received)
    #expect(decoded.write.idempotency == nil)
  }

  @Test(
    "A message that lacks something, or is of another version, is malformed",
    arguments: [MessageHeader.version, .operation, .key, .acceptedAt, .contentType])
  func missing(_ name: MessageHeader) {
    let queued = QueuedWrite("k")
    var message = WriteMessage.encode(queued).received
    message.headers.removeAll { $0.name == name }
    #expect(reason(message)?.id == queued.id)
    message.headers.append((name, .integer(2)))
    #expect((reason(message) == nil) == (name == .acceptedAt))
    message.headers[message.headers.count - 1].value = .other
    #expect(reason(message) != nil)
  }

  @Test("A condition or a time to live that can't be read does not count as none")
  func unreadable() {
    let message = WriteMessage.encode(QueuedWrite("k")).received
    for name in [MessageHeader.ifMatch, .ifNoneMatch, .timeToLive] {
      for value in [
        ReceivedMessage.Value.other, .integer(0), .bytes(Array("x".utf8)),
        .bytes(Array("1,".utf8)), .bytes(Array("1, 2".utf8)), .bytes([0xFF]),
      ] {
        var changed = message
        changed.headers.append((name, value))
        #expect(reason(changed) != nil, "\(name) \(value)")
      }
    }
  }

  @Test("A message without the id of an operation names none")
  func id() {
    var message = WriteMessage.encode(QueuedWrite("k")).received
    for id in [[], [0xFF], Array("x".utf8)] as [[UInt8]] {
      message.id = id
      #expect(reason(message) != nil && reason(message)?.id == nil)
    }
  }

  @Test("Whatever a message holds, it is a write or malformed")
  func anything() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<20_000 {
      var message = WriteMessage.encode(QueuedWrite("k")).received
      for index in message.headers.indices where Bool.random(using: &random) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: message.headers[index].value = .integer(Int64(bitPattern: random.next()))
        case 1:
          message.headers[index].value = .bytes(
            random.bytes(random.next().isMultiple(of: 2) ? 3 : 30))
        case 2: message.headers[index].value = .other
        default: message.headers[index].name = MessageHeader.allCases.randomElement(using: &random)!
        }
      }
      if let decoded = try? WriteMessage.decode(message) {
        let again = try? WriteMessage.decode(WriteMessage.encode(decoded).received)
        #expect(again == decoded, "seed \(seed)")
      }
    }
  }

  private func reason(_ message: ReceivedMessage) -> WriteMessage.Malformed? {
    do throws(WriteMessage.Malformed) {
      _ = try WriteMessage.decode(message)
      return nil
    } catch {
      return error
    }
  }
}
