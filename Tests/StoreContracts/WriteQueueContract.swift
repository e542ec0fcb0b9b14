public import KeyValueStore
internal import TestSupport
import Testing

/// What the contract needs of an adapter. Each case has its own harness, with an empty queue whose
/// writes are being applied.
public protocol WriteQueueHarness: AnyObject {
  /// The queue under test.
  var queue: any WriteQueue { get }
  /// The database to which its writes are applied.
  var database: any Database { get }
  /// The time by the database's clock.
  func now() async throws -> Timestamp
  /// Returns once everything that was submitted has been applied.
  func drain() async throws
}

/// The contract of `WriteQueue`.
public enum WriteQueueContract {
  public typealias Case = ContractCase<any WriteQueueHarness>

  /// Each case needs a harness of its own.
  public static let cases: [Case] = [
    Case("A submitted put is applied and recorded") { harness in
      let accepted = try await harness.now()
      let queued = QueuedWrite(1, .put("k", "queued"), at: accepted)
      let receipt = try await harness.queue.submit(queued)
      try await harness.drain()
      let record = try #require(try await harness.database.operation(.numbered(1)))
      #expect(record.state == .applied)
      #expect(record.revision == Revision(accepted.microseconds))
      let entry = try await harness.database.read([Key("k")])[0].entry
      #expect(entry?.value == Array("queued".utf8))
      #expect(entry?.metadata.revision == record.revision)
      if case .applied(let applied) = receipt {
        #expect(applied.record == record)
        #expect(applied.outcome == entry.map { .stored($0.metadata) })
      }
    },
    Case("After several writes of a key, deletes included, the one accepted last holds") {
      harness in
      let start = try await harness.now()
      for number in 1...20 {
        let write: Write = number % 5 == 0 ? .delete("k") : .put("k", "\(number)")
        let queued = QueuedWrite(
          number, write, at: start.adding(microseconds: Int64(number)))
        _ = try await harness.queue.submit(queued)
      }
      try await harness.drain()
      let lookup = try await harness.database.read([Key("k")])[0]
      #expect(lookup == .absent(Revision(start.microseconds + 20)))
    },
    Case("A write that was overtaken by a newer one is superseded and changes nothing") {
      harness in
      let accepted = try await harness.now().adding(seconds: -10)
      let receipts = try await harness.database.write([.put("k", "newer")])
      let queued = QueuedWrite(1, .delete("k"), at: accepted)
      _ = try await harness.queue.submit(queued)
      try await harness.drain()
      let record = try #require(try await harness.database.operation(.numbered(1)))
      #expect(record.state == .superseded)
      let entry = try await harness.database.read([Key("k")])[0].entry
      #expect(entry.map { .stored($0.metadata) } == receipts.first?.outcome)
    },
    Case("A condition travels with its write") { harness in
      let accepted = try await harness.now()
      let queued = QueuedWrite(1, .put("k", condition: .exists), at: accepted)
      _ = try await harness.queue.submit(queued)
      try await harness.drain()
      let record = try #require(try await harness.database.operation(.numbered(1)))
      #expect(record.state == .preconditionFailed && record.revision == nil)
      #expect(try await harness.database.read([Key("k")]) == [.absent(.none)])
    },
    Case("Media type, time to live and every byte travel with their write") { harness in
      let value = (0...255).map { UInt8($0) }
      let mutation = Write.Mutation.put(
        value: value, contentType: "application/x; a=\"é\"", timeToLive: 1_000)
      let queued = QueuedWrite(
        1, Write(key: Key("é/ %"), mutation: mutation), at: try await harness.now())
      _ = try await harness.queue.submit(queued)
      try await harness.drain()
      let entry = try #require(try await harness.database.read([Key("é/ %")])[0].entry)
      #expect(entry.value == value)
      #expect(entry.metadata.contentType == "application/x; a=\"é\"")
      #expect(entry.metadata.expiresAt == queued.acceptedAt.adding(seconds: 1_000))
    },
    Case("Text that means something elsewhere is only text, as key, value and media type") {
      harness in
      let start = try await harness.now()
      for (number, text) in zip(1..., String.foreignSyntax) {
        let write = Write.put(text, "\(text)\r\n\0", contentType: text)
        _ = try await harness.queue.submit(QueuedWrite(number, write, at: start))
      }
      try await harness.drain()
      for text in String.foreignSyntax {
        let entry = try #require(try await harness.database.read([Key(text)])[0].entry)
        #expect(entry.value == Array("\(text)\r\n\0".utf8))
        #expect(entry.metadata.contentType == text)
      }
    },
    Case("The same operation submitted twice takes effect once") { harness in
      let queued = QueuedWrite(1, .put("k"), at: try await harness.now())
      _ = try await harness.queue.submit(queued)
      _ = try await harness.queue.submit(queued)
      try await harness.drain()
      let entry = try await harness.database.read([Key("k")])[0].entry
      #expect(entry?.metadata.version == 1)
    },
    Case("A queue that works is healthy") { harness in
      try await harness.queue.checkHealth()
      #expect(try await harness.database.list(PageRequest()).items.isEmpty)
    },
  ]
}
