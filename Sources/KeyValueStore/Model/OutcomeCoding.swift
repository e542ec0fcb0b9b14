/// Outcomes as bytes, for the records of idempotent requests. A release reads what earlier ones
/// wrote: a new layout gets a new version.
///
/// Layout: version, kind, then the outcome. Numbers are LEB128, signed ones zigzag-coded first;
/// byte strings follow their length.
enum OutcomeCoding {
  static let version: UInt8 = 1

  enum Kind {
    static let write: UInt8 = 0x57
    static let batch: UInt8 = 0x42
  }

  enum WriteTag {
    static let stored: UInt8 = 0
    static let deleted: UInt8 = 1
    static let notFound: UInt8 = 2
    static let preconditionFailed: UInt8 = 3
    static let idempotencyMismatch: UInt8 = 4
  }

  enum BatchTag {
    static let completed: UInt8 = 0
    static let preconditionFailed: UInt8 = 1
    static let idempotencyMismatch: UInt8 = 2
  }

  enum OperationTag {
    static let found: UInt8 = 0
    static let absent: UInt8 = 1
    static let write: UInt8 = 2
    static let readTooLarge: UInt8 = 3
  }
}

extension WriteOutcome {
  /// The outcome as bytes.
  public func encoded() -> [UInt8] {
    var writer = OutcomeWriter(kind: OutcomeCoding.Kind.write)
    writer.add(self)
    return writer.bytes
  }

  /// Reads what `encoded` returned; nil for anything else.
  public init?(encoded bytes: [UInt8]) {
    var reader = OutcomeReader(bytes)
    guard reader.readHeader(kind: OutcomeCoding.Kind.write),
      let outcome = reader.readWriteOutcome(), reader.isAtEnd
    else { return nil }
    self = outcome
  }
}

extension BatchOutcome {
  /// The outcome as bytes, with the values that it read.
  public func encoded() -> [UInt8] {
    var writer = OutcomeWriter(kind: OutcomeCoding.Kind.batch)
    writer.add(self)
    return writer.bytes
  }

  /// Reads what `encoded` returned; nil for anything else.
  public init?(encoded bytes: [UInt8]) {
    var reader = OutcomeReader(bytes)
    guard reader.readHeader(kind: OutcomeCoding.Kind.batch),
      let outcome = reader.readBatchOutcome(), reader.isAtEnd
    else { return nil }
    self = outcome
  }
}
