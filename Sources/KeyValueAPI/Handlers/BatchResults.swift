import Basics
import KeyValueStore

/// Writes the answer to a batch, result by result.
struct BatchResults {
  private var writer = JSONWriter(reserving: 4_096)
  private let readBytesMax: Int
  private let documentBytesMax: Int

  init(readBytesMax: Int, documentBytesMax: Int) {
    self.readBytesMax = readBytesMax
    self.documentBytesMax = documentBytesMax
    writer.beginObject()
    writer.name("results")
    writer.beginArray()
  }

  /// Ends the document.
  consuming func finish() -> JSONWriter {
    writer.endArray()
    writer.endObject()
    return writer
  }

  /// What became of an operation.
  mutating func append(_ outcome: OperationOutcome, _ index: Int) {
    switch outcome {
    case .read(.found(let entry))
    where writer.bytes.count + entry.value.count <= documentBytesMax:
      append(entry)
    case .read(.found), .readTooLarge:
      let problem = Problem(
        .contentTooLarge,
        "The reads of one batch return at most \(readBytesMax) bytes: read this key by itself.")
      append(problem, index)
    case .read(.absent), .write(.notFound): append(.keyNotFound, index)
    case .write(.stored(let metadata)):
      begin(status: metadata.version == 1 ? 201 : 200)
      writer.name("revision")
      writer.number(metadata.revision.number)
      writer.name("version")
      writer.number(metadata.version)
      writer.endObject()
    case .write(.deleted(let revision)):
      begin(status: 204)
      writer.name("revision")
      writer.number(revision.number)
      writer.endObject()
    case .write(.preconditionFailed(let current)):
      append(.preconditionFailed(current: current), index)
    case .write(.idempotencyMismatch): append(.idempotencyMismatch, index)
    }
  }

  /// An operation that failed: its problem document, which says where it stands.
  mutating func append(_ problem: Problem, _ index: Int) {
    writer.beginObject()
    problem.with("index", .number(Int64(index))).write(to: &writer)
    writer.endObject()
  }

  private mutating func append(_ entry: Entry) {
    begin(status: 200)
    writer.write(membersOf: entry.metadata)
    writer.write(value: entry.value)
    writer.endObject()
  }

  private mutating func begin(status: Int64) {
    writer.beginObject()
    writer.name("status")
    writer.number(status)
  }
}
