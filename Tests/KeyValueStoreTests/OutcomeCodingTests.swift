import Testing

@testable import KeyValueStore

@Suite("Outcomes as bytes")
struct OutcomeCodingTests {
  private static let metadata = Metadata(
    key: Key(trusted: Array("é/key".utf8)), revision: Revision(1_700_000_000_000_000),
    version: 300, size: 5, contentType: "text/plain; charset=utf-8",
    createdAt: Timestamp(microseconds: -1), updatedAt: Timestamp(microseconds: .max),
    expiresAt: Timestamp(microseconds: .min))

  private static let eternal = Metadata(
    key: Key(trusted: [0xFF]), revision: .none, version: 0, size: 0, contentType: "",
    createdAt: Timestamp(microseconds: 0), updatedAt: Timestamp(microseconds: 63),
    expiresAt: nil)

  private static let writes: [WriteOutcome] = [
    .stored(metadata), .stored(eternal), .deleted(Revision(.max)), .notFound,
    .preconditionFailed(current: nil), .preconditionFailed(current: Revision(128)),
    .idempotencyMismatch, .added(metadata, sum: .min), .added(eternal, sum: .max),
    .addRefused(.notAnInteger), .addRefused(.overflow),
  ]

  private static let batches: [BatchOutcome] = [
    .completed([]),
    .completed(
      writes.map { .write($0) } + [
        .readTooLarge, .read(.absent(.none)), .read(.absent(Revision(9))),
        .read(.found(Entry(metadata: metadata, value: [0, 1, 0x7F, 0x80, 0xFF]))),
        .read(.found(Entry(metadata: eternal, value: []))),
      ]),
    .preconditionFailed(index: 999, current: Revision(1)),
    .preconditionFailed(index: 0, current: nil),
    .addRefused(index: 7, .notAnInteger), .addRefused(index: 0, .overflow),
    .idempotencyMismatch,
  ]

  @Test("Every outcome of a write can be decoded", arguments: writes)
  func writeOutcome(_ outcome: WriteOutcome) {
    #expect(WriteOutcome(encoded: outcome.encoded()) == outcome)
  }

  @Test("Every outcome of a batch can be decoded", arguments: batches)
  func batchOutcome(_ outcome: BatchOutcome) {
    #expect(BatchOutcome(encoded: outcome.encoded()) == outcome)
  }

  @Test("An outcome that is cut off at any byte, or continues, is not decoded")
  func truncation() {
    for outcome in Self.writes {
      let bytes = outcome.encoded()
      for count in 0..<bytes.count {
        #expect(WriteOutcome(encoded: Array(bytes[..<count])) == nil, "\(outcome), \(count)")
      }
      #expect(WriteOutcome(encoded: bytes + [0]) == nil)
    }
    for outcome in Self.batches {
      let bytes = outcome.encoded()
      for count in 0..<bytes.count {
        #expect(BatchOutcome(encoded: Array(bytes[..<count])) == nil, "\(count)")
      }
      #expect(BatchOutcome(encoded: bytes + [0]) == nil)
    }
  }

  @Test("No damaged byte makes decoding trap, or use more memory than there are bytes")
  func damage() {
    var survivors = 0
    for outcome in Self.batches {
      let bytes = outcome.encoded()
      for index in bytes.indices {
        for value in [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF] as [UInt8] {
          var damaged = bytes
          damaged[index] = value
          if BatchOutcome(encoded: damaged) != nil { survivors += 1 }
          if WriteOutcome(encoded: damaged) != nil { Issue.record("a batch was read as a write") }
        }
      }
    }
    // Some damage can't be noticed, for instance that of a revision's digit.
    #expect(survivors > 0)
  }

  @Test("A write's outcome is not decoded as a batch's, nor is another version")
  func kinds() {
    #expect(BatchOutcome(encoded: WriteOutcome.notFound.encoded()) == nil)
    #expect(WriteOutcome(encoded: BatchOutcome.idempotencyMismatch.encoded()) == nil)
    var bytes = WriteOutcome.notFound.encoded()
    bytes[0] = 2
    #expect(WriteOutcome(encoded: bytes) == nil)
  }

  @Test("Numbers that are too large, media types that are not UTF-8 and unknown tags are refused")
  func refusals() {
    let header = Array(WriteOutcome.notFound.encoded().prefix(2))
    #expect(WriteOutcome(encoded: header + [9]) == nil)
    // A revision of ten bytes has room for one bit in the last.
    let nines = [UInt8](repeating: 0xFF, count: 9)
    #expect(WriteOutcome(encoded: header + [1] + nines + [1]) == .deleted(Revision(.min)))
    #expect(WriteOutcome(encoded: header + [1] + nines + [2]) == nil)
    #expect(WriteOutcome(encoded: header + [1] + nines + [0x81, 0]) == nil)
    // There are two reasons not to add.
    #expect(WriteOutcome(encoded: header + [6, 1]) == .addRefused(.overflow))
    #expect(WriteOutcome(encoded: header + [6, 2]) == nil)
    // The flag of an optional number is 0 or 1.
    #expect(WriteOutcome(encoded: header + [3, 2, 0]) == nil)
    var stored = WriteOutcome.stored(Self.metadata).encoded()
    if let index = stored.firstIndex(of: UInt8(ascii: "x")) { stored[index] = 0xFF }
    #expect(WriteOutcome(encoded: stored) == nil)
  }

  /// A batch and its outcome.
  private static let batch = Batch(
    operations: [
      .write(put("a", "12", timeToLive: 5)), .get(key("a")), .write(delete("b")), .get(key("c")),
      .write(put("d", condition: Condition(ifMatch: .any))), .get(key("e")),
    ], isAtomic: false)

  private static func metadata(
    of name: String, size: Int = 2, contentType: String = "text/plain", expires: Bool = true
  ) -> Metadata {
    Metadata(
      key: key(name), revision: Revision(7), version: 1, size: size, contentType: contentType,
      createdAt: Timestamp(microseconds: 5), updatedAt: Timestamp(microseconds: 6),
      expiresAt: expires ? Timestamp(microseconds: 8) : nil)
  }

  private static let outcomes: [OperationOutcome] = [
    .write(.stored(metadata(of: "a"))),
    .read(.found(Entry(metadata: metadata(of: "a"), value: [0x31, 0x32]))),
    .write(.deleted(Revision(9))), .read(.absent(.none)),
    .write(.preconditionFailed(current: nil)), .readTooLarge,
  ]

  @Test("An outcome is decoded only for a request that can have it")
  func requests() {
    let write = put("a", "12", timeToLive: 5)
    let stored = WriteOutcome.stored(Self.metadata(of: "a"))
    #expect(WriteOutcome(encoded: stored.encoded(), of: write) == stored)
    for other in [
      WriteOutcome.stored(Self.metadata(of: "b")), .stored(Self.metadata(of: "a", size: 3)),
      .stored(Self.metadata(of: "a", contentType: "text/html")),
      .stored(Self.metadata(of: "a", expires: false)), .deleted(Revision(1)), .notFound,
      .preconditionFailed(current: nil), .idempotencyMismatch,
    ] {
      #expect(WriteOutcome(encoded: other.encoded(), of: write) == nil, "\(other)")
    }
    #expect(WriteOutcome(encoded: stored.encoded(), of: delete("a")) == nil)

    let whole = BatchOutcome.completed(Self.outcomes)
    #expect(BatchOutcome(encoded: whole.encoded(), of: Self.batch) == whole)
    for index in Self.outcomes.indices {
      var others = Self.outcomes
      others.remove(at: index)
      let shorter = BatchOutcome.completed(others)
      #expect(BatchOutcome(encoded: shorter.encoded(), of: Self.batch) == nil, "\(index)")
      others.insert(.write(.stored(Self.metadata(of: "z"))), at: index)
      let other = BatchOutcome.completed(others)
      #expect(BatchOutcome(encoded: other.encoded(), of: Self.batch) == nil, "\(index)")
    }
    var atomic = Self.batch
    atomic.isAtomic = true
    for index in 0...Self.outcomes.count {
      let failed = BatchOutcome.preconditionFailed(index: index, current: nil)
      #expect(BatchOutcome(encoded: failed.encoded(), of: Self.batch) == nil)
      #expect((BatchOutcome(encoded: failed.encoded(), of: atomic) == nil) == (index != 4))
    }
  }

  @Test("The outcome of a patch is decoded only for a patch that can have it")
  func patches() {
    let text = Self.metadata(of: "a")
    let touch = patch("a", Patch(contentType: "text/plain", expiry: .after(seconds: 2)))
    let add = patch("a", Patch(amount: 1, expiry: .after(seconds: 2)))
    for (write, outcome) in [
      (touch, WriteOutcome.stored(text)), (touch, .notFound), (add, .added(text, sum: 42)),
      (add, .addRefused(.notAnInteger)),
      (patch("a", Patch()), .stored(Self.metadata(of: "a", size: 9, expires: false))),
      (patch("a", Patch(expiry: .never)), .stored(Self.metadata(of: "a", expires: false))),
    ] {
      #expect(WriteOutcome(encoded: outcome.encoded(), of: write) == outcome, "\(outcome)")
    }
    let others: [(Write, [WriteOutcome])] = [
      (
        touch,
        [
          .stored(Self.metadata(of: "b")), .stored(Self.metadata(of: "a", contentType: "a/b")),
          .stored(Self.metadata(of: "a", expires: false)), .deleted(Revision(1)),
          .added(text, sum: 42), .addRefused(.overflow), .preconditionFailed(current: nil),
          .idempotencyMismatch,
        ]
      ),
      (
        add,
        [
          .stored(text), .notFound, .deleted(Revision(1)), .added(text, sum: 421),
          .added(Self.metadata(of: "b"), sum: 42),
          .added(Self.metadata(of: "a", expires: false), sum: 42),
        ]
      ),
      (patch("a", Patch(expiry: .never)), [.stored(text)]),
      (put("a", "12", timeToLive: 5), [.added(text, sum: 42), .addRefused(.overflow)]),
      (delete("a"), [.added(text, sum: 42), .addRefused(.overflow)]),
    ]
    for (write, outcomes) in others {
      for outcome in outcomes {
        #expect(WriteOutcome(encoded: outcome.encoded(), of: write) == nil, "\(outcome)")
      }
    }
    let refused = BatchOutcome.addRefused(index: 1, .overflow)
    for (operations, isAtomic, isPossible) in [
      ([.write(put("b")), .write(add)], true, true),
      ([.write(put("b")), .write(add)], false, false),
      ([.write(add), .write(touch)], true, false), ([.write(add)], true, false),
    ] as [([Batch.Operation], Bool, Bool)] {
      let batch = Batch(operations: operations, isAtomic: isAtomic)
      #expect((BatchOutcome(encoded: refused.encoded(), of: batch) != nil) == isPossible)
    }
  }

  @Test("Whichever byte of a stored outcome is damaged, what is decoded is consistent")
  func damagedRecords() {
    let bytes = BatchOutcome.completed(Self.outcomes).encoded()
    var passedOn = 0
    for index in bytes.indices {
      for value in UInt8.min...UInt8.max {
        var damaged = bytes
        damaged[index] = value
        guard let outcome = BatchOutcome(encoded: damaged, of: Self.batch) else { continue }
        let receipt = BatchReceipt(outcome: outcome)
        passedOn += CommittedChanges(of: Self.batch, receipt: receipt).updates.count
      }
    }
    #expect(passedOn > 0)
  }

  @Test("An outcome is compact: a stored one has less than 48 bytes more than its texts")
  func size() {
    let texts = Self.metadata.key.bytes.count + Self.metadata.contentType.utf8.count
    #expect(WriteOutcome.stored(Self.metadata).encoded().count < texts + 48)
  }
}
