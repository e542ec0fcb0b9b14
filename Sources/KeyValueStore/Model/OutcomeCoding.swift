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

  /// Reads what `encoded` returned; nil for anything else, and for what can't have become of
  /// `write`: the outcome of another request is not repeated as its own.
  public init?(encoded bytes: [UInt8], of write: Write) {
    guard let outcome = WriteOutcome(encoded: bytes), outcome.canBeOutcome(of: write) else {
      return nil
    }
    self = outcome
  }

  /// Reads what `encoded` returned, whatever write it belongs to.
  init?(encoded bytes: [UInt8]) {
    var reader = OutcomeReader(bytes)
    guard reader.readHeader(kind: OutcomeCoding.Kind.write),
      let outcome = reader.readWriteOutcome(), reader.isAtEnd
    else { return nil }
    self = outcome
  }

  /// Whether this can have become of `write`: everything that the outcome tells of it agrees.
  fileprivate func canBeOutcome(of write: Write) -> Bool {
    switch (self, write.mutation) {
    case (.stored(let metadata), .put(let value, let contentType, let timeToLive)):
      metadata.key == write.key && metadata.size == value.count
        && metadata.contentType == contentType
        && (metadata.expiresAt == nil) == (timeToLive == nil)
    case (.deleted, .delete), (.notFound, .delete): true
    case (.preconditionFailed, _): !write.condition.isEmpty
    case (.stored, .delete), (.deleted, .put), (.notFound, .put), (.idempotencyMismatch, _): false
    }
  }
}

extension BatchOutcome {
  /// The outcome as bytes, with the values that it read.
  public func encoded() -> [UInt8] {
    var writer = OutcomeWriter(kind: OutcomeCoding.Kind.batch)
    writer.add(self)
    return writer.bytes
  }

  /// Reads what `encoded` returned; nil for anything else, and for what can't have become of
  /// `batch`, operation by operation.
  public init?(encoded bytes: [UInt8], of batch: Batch) {
    guard let outcome = BatchOutcome(encoded: bytes), outcome.canBeOutcome(of: batch) else {
      return nil
    }
    self = outcome
  }

  /// Reads what `encoded` returned, whatever batch it belongs to.
  init?(encoded bytes: [UInt8]) {
    var reader = OutcomeReader(bytes)
    guard reader.readHeader(kind: OutcomeCoding.Kind.batch),
      let outcome = reader.readBatchOutcome(), reader.isAtEnd
    else { return nil }
    self = outcome
  }

  private func canBeOutcome(of batch: Batch) -> Bool {
    switch self {
    case .completed(let outcomes):
      outcomes.count == batch.operations.count
        && zip(outcomes, batch.operations).allSatisfy { $0.canBeOutcome(of: $1) }
    case .preconditionFailed(let index, _):
      batch.isAtomic && batch.operations.indices.contains(index)
        && batch.operations[index].isConditional
    case .idempotencyMismatch: false
    }
  }
}

extension OperationOutcome {
  fileprivate func canBeOutcome(of operation: Batch.Operation) -> Bool {
    switch (self, operation) {
    case (.read(.found(let entry)), .get(let key)):
      entry.metadata.key == key && entry.metadata.size == entry.value.count
    case (.read(.absent), .get), (.readTooLarge, .get): true
    case (.write(let outcome), .write(let write)): outcome.canBeOutcome(of: write)
    case (.read, .write), (.readTooLarge, .write), (.write, .get): false
    }
  }
}

extension Batch.Operation {
  fileprivate var isConditional: Bool {
    if case .write(let write) = self { !write.condition.isEmpty } else { false }
  }
}
