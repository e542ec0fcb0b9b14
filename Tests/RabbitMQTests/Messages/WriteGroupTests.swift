import KeyValueStore
import TestSupport
import Testing

@testable import RabbitMQ

@Suite("Queued writes travel together in messages")
struct WriteGroupTests {
  private static let matches: [Condition.Match?] = [
    nil, .any, .revisions([]), .revisions([Revision(.max), Revision(.min), Revision(0)]),
  ]

  private static let mutations: [Write.Mutation] = [
    .delete, .put(value: [], contentType: "", timeToLive: nil),
    .put(value: (0...255).map { UInt8($0) }, contentType: "a/b; c=\"é\"", timeToLive: 1),
    .put(
      value: [UInt8](repeating: 7, count: 100_000), contentType: String(repeating: "x", count: 300),
      timeToLive: Write.timeToLiveMax),
  ]

  /// Every mutation with every condition, with and without an attempt.
  private static let samples: [QueuedWrite] = mutations.flatMap { mutation in
    matches.flatMap { ifMatch in
      matches.flatMap { ifNoneMatch in
        [nil, OutboxID.numbered(.max)].map { attempt in
          let condition = Condition(ifMatch: ifMatch, ifNoneMatch: ifNoneMatch)
          return QueuedWrite(
            id: .random(),
            write: Write(key: Key("é/ %\u{80}"), mutation: mutation, condition: condition),
            acceptedAt: Timestamp(microseconds: .random(in: 1 ... .max)), attempt: attempt)
        }
      }
    }
  }

  private func message(_ writes: [QueuedWrite]) -> OutgoingMessage {
    WriteGroup.message(of: writes.map { WriteGroup.encode($0) }, id: writes[0].id)
  }

  private func received(_ message: ReceivedMessage) -> ReceivedWrites {
    ReceivedWrites(message, connection: 3, number: 7)
  }

  private func writes(_ content: [Delivery.Content]) -> [QueuedWrite] {
    content.compactMap { if case .write(let queued) = $0 { queued } else { nil } }
  }

  @Test("Every write comes back as it was, in order, with a place of its own")
  func roundTrip() {
    let samples = WriteGroupTests.samples
    let message = message(samples)
    let received = received(message.received)
    #expect(writes(received.deliveries.map(\.content)) == samples)
    #expect(
      received.deliveries.map(\.tag)
        == samples.indices.map { DeliveryTag(connection: 3, number: 7, place: $0) })
    #expect(received.bytes >= message.body.count)
    #expect(received.damaged.isEmpty)
    #expect(message.id.elementsEqual(samples[0].id.text.utf8), "what an operator sees")
  }

  @Test("The span that has sent a write comes back with it, and stands in the way of nothing")
  func origin() throws {
    let origin = try #require(TraceContext(traceHigh: .max, traceLow: 1, span: 1 << 63))
    for var write in WriteGroupTests.samples {
      write.origin = origin
      let pieces = WriteGroup.decode(WriteGroup.encode(write))
      #expect(writes(pieces?.map(\.content) ?? []) == [write])
      #expect(pieces?.contains { $0.damaged != nil } == false)
    }
    var traced = QueuedWrite("k")
    traced.origin = origin
    var body = WriteGroup.encode(traced)
    body.replaceSubrange((body.count - 8)..., with: [UInt8](repeating: 0, count: 8))
    var plain = traced
    plain.origin = nil
    // No span has the id 0.
    #expect(writes(WriteGroup.decode(body)?.map(\.content) ?? []) == [plain])
    #expect(WriteGroup.encode(plain).count == body.count - 24)
    let letter = WriteMessage.encode(traced).received
    #expect(try WriteMessage.decode(letter) == plain, "a dead letter is not traced")
  }

  @Test("A message of one write takes little more than the write")
  func single() {
    let write = QueuedWrite("k")
    let message = message([write])
    #expect(received(message.received).deliveries.map(\.content) == [.write(write)])
    #expect(message.body.count < "kvaluetext/plain".utf8.count + 80)
  }

  @Test("A message of release 0.3, or a dead letter, is read as the write that it is")
  func releaseBefore() {
    for write in WriteGroupTests.samples {
      var message = WriteMessage.encode(write).received
      message.headers.append((.deliveryCount, .integer(9)))
      let received = received(message)
      #expect(received.deliveries.map(\.content) == [.write(write)])
      #expect(received.deliveries.map(\.deliveryCount) == [9])
    }
  }

  @Test("An idempotency key is left out: it was decided before")
  func idempotency() {
    var queued = QueuedWrite("k")
    queued.write.idempotency = IdempotencyKey(name: "n", fingerprint: [1])
    let pieces = WriteGroup.decode(WriteGroup.encode(queued))
    #expect(writes(pieces?.map(\.content) ?? []).map(\.write.idempotency) == [nil])
  }

  @Test("One that can't be read hides no other, names its operation, and can be put aside alone")
  func damaged() throws {
    let all = (0..<3).map { QueuedWrite("key \($0)") }
    var pieces = all.map { WriteGroup.encode($0) }
    // Parts that no version knows yet.
    pieces[1][4] |= 0x80
    let received = received(WriteGroup.message(of: pieces, id: all[0].id).received)
    #expect(writes(received.deliveries.map(\.content)) == [all[0], all[2]])
    let content = received.deliveries[1].content
    #expect(content == .malformed(reason: "it has parts that are unknown", id: all[1].id))
    let letter = ReceivedWrites.message(
      of: received.deliveries[1], damaged: received.damaged[1])
    #expect(letter.body == pieces[1])
    #expect(self.received(letter.received).deliveries.map(\.content) == [content])
    let other = ReceivedWrites.message(of: received.deliveries[0], damaged: nil)
    #expect(try WriteMessage.decode(other.received) == all[0])
  }

  @Test("A part that can't be read does not count as none")
  func unreadable() {
    var write = QueuedWrite("k")
    write.write.condition = Condition(ifMatch: .revisions([Revision(1)]))
    write.attempt = .numbered(1)
    write.write.mutation = .put(value: [], contentType: "", timeToLive: 1)
    let good = WriteGroup.encode(write)
    let start = 4 + 1 + 40 + 8 + 5
    for (place, byte) in [
      // The number of the attempt, that of the revisions, and the time to live.
      (start + 8, 0x80), (start + 16, 0x80), (start + 16 + 7, 2), (start + 32, 0x80),
      (start + 32 + 7, 0), (good.count - 1, 1), (4 + 5, 0x78), (4 + 1 + 40, 0x80),
    ] as [(Int, UInt8)] {
      var body = good
      body[place] = byte
      let pieces = WriteGroup.decode(body)
      #expect(pieces?.count == 1 && pieces?[0].damaged == Array(body[4...]), "\(place)")
    }
    #expect(writes(WriteGroup.decode(good)?.map(\.content) ?? []) == [write])
  }

  @Test("A body that can't be cut into writes is one that is malformed")
  func uncut() {
    let write = QueuedWrite("k")
    let body = WriteGroup.encode(write)
    let bodies = [
      [], [0], [0, 0, 0, 0], [0, 0, 0, 3, 1, 2, 3], body + [1], Array(body.dropLast()),
    ]
    for body in bodies {
      var message = OutgoingMessage(id: write.id.text.utf8, body: body)
      message.add(.version, WriteGroup.version)
      let deliveries = received(message.received).deliveries
      #expect(
        deliveries.map(\.content)
          == [.malformed(reason: "it can't be cut into writes", id: write.id)])
    }
  }

  @Test("Whatever a message holds, it is writes or malformed")
  func anything() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    let short = WriteGroupTests.samples.filter { $0.write.weight < 1_000 }
      .shuffled(using: &random).prefix(6)
    let body = message(Array(short)).body
    for length in 0..<body.count {
      let pieces = WriteGroup.decode(Array(body[..<length]))
      #expect(pieces.map { $0.count < short.count } ?? true, "seed \(seed)")
    }
    for _ in 0..<2_000 {
      var damaged = body
      for _ in 0..<3 {
        damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      for piece in WriteGroup.decode(damaged) ?? [] {
        guard case .write(let queued) = piece.content else { continue }
        let again = WriteGroup.decode(WriteGroup.encode(queued))
        #expect(again?.map(\.content) == [piece.content], "seed \(seed)")
      }
      _ = WriteGroup.decode(random.bytes(Int.random(in: 0..<200, using: &random)))
    }
  }
}
