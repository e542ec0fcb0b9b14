import KeyValueStore
import TestSupport
import Testing

@testable import RabbitMQ

@Suite("Changes travel together in messages of the stream")
struct ChangeMessageTests {
  private static func sample(_ number: Int, expiresAt: Int64? = nil, type: String = "a/b") -> Change
  {
    let key = Key("key \(number)")
    let revision = Revision(Int64(number))
    switch number % 3 {
    case 0: return Change(key: key, revision: revision, kind: .delete)
    case 1: return Change(key: key, revision: revision, kind: .expire)
    default:
      let metadata = Metadata(
        key: key, revision: revision, version: .max, size: 1 << 20, contentType: type,
        createdAt: Timestamp(microseconds: .min), updatedAt: Timestamp(microseconds: 7),
        expiresAt: expiresAt.map { Timestamp(microseconds: $0) })
      return Change(key: key, revision: revision, kind: .put(metadata))
    }
  }

  @Test("Every kind of change comes back as it was, in order")
  func roundTrip() throws {
    let changes = (0..<30).map {
      ChangeMessageTests.sample(
        $0, expiresAt: $0 % 2 == 0 ? .max : nil,
        type: String(repeating: "é", count: $0 * 100))
    }
    let pieces = PendingChanges.pack(changes, settling: .numbered(1))
    #expect(pieces.count == 1)
    #expect(ChangeMessage(decoding: pieces[0].body) == .changes(changes))
    #expect(pieces[0].settled.map(\.id) == [.numbered(1)])
  }

  @Test("A message ends at 64 KiB, and a longer change has one to itself")
  func length() {
    let long = String(repeating: "x", count: 70_000)
    var changes = (0..<3_000).map { ChangeMessageTests.sample($0) }
    changes.insert(ChangeMessageTests.sample(2, type: long), at: 1_500)
    changes.append(ChangeMessageTests.sample(5, type: long))
    let pieces = PendingChanges.pack(changes, settling: .numbered(1))
    for piece in pieces {
      let count = ChangeMessage(decoding: piece.body).changes.count
      #expect(piece.body.count <= ChangeMessage.bytesMax || count == 1)
    }
    // Whichever is the last to be confirmed settles the commit.
    let last = pieces.shuffled().map { $0.settled[0].isLastPiece() }
    #expect(last == Array(repeating: false, count: pieces.count - 1) + [true])
    #expect(pieces.flatMap { ChangeMessage(decoding: $0.body).changes } == changes)
    #expect(pieces.count < 10)
  }

  @Test("Later changes join a message that waits, until it is full or closed")
  func joining() throws {
    var piece = try #require(PendingChanges.pack([Change("a")], settling: .numbered(1)).first)
    let next = try #require(PendingChanges.pack([Change("b")], settling: nil).first)
    var hasJoined = piece.join(next)
    #expect(hasJoined)
    #expect(ChangeMessage(decoding: piece.body) == .changes([Change("a"), Change("b")]))
    #expect(piece.settled.map(\.id) == [.numbered(1)])
    hasJoined = piece.join(PendingChanges(marker: 1))
    #expect(!hasJoined)
    while piece.join(next) {}
    #expect(piece.body.count <= ChangeMessage.bytesMax)
    piece.isOpen = false
    hasJoined = piece.join(next)
    #expect(!hasJoined)
  }

  @Test("No changes are no message")
  func nothing() {
    #expect(PendingChanges.pack([], settling: .numbered(1)).isEmpty)
  }

  @Test("A marker is no change", arguments: [0, 1, UInt64.max])
  func marker(_ number: UInt64) {
    let message = ChangeMessage(decoding: PendingChanges(marker: number).body)
    #expect(message == .marker(number))
    #expect(message.changes.isEmpty)
  }

  @Test("Whatever a message holds, it can be read or is unreadable")
  func anything() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    let changes = (0..<20).map { ChangeMessageTests.sample($0, expiresAt: 1) }
    let body = PendingChanges.pack(changes, settling: nil)[0].body
    for length in 0..<body.count {
      let message = ChangeMessage(decoding: Array(body[..<length]))
      #expect(message.changes.count < changes.count, "seed \(seed)")
    }
    for _ in 0..<20_000 {
      var damaged = body
      for _ in 0..<3 {
        damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      _ = ChangeMessage(decoding: damaged)
      _ = ChangeMessage(decoding: random.bytes(Int.random(in: 0..<64, using: &random)))
    }
    #expect(ChangeMessage(decoding: []) == .unreadable)
    #expect(ChangeMessage(decoding: [9, 3]) == .unreadable)
  }
}
