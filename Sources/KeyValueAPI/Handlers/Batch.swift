import Basics
import HTTP
import KeyValueStore

// POST /batch.
extension APIHandler {
  func runBatch(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let name = try idempotencyName(request.head)
    guard request.body.count <= limits.documentBytesMax else {
      throw .contentTooLarge(bytesMax: limits.documentBytesMax)
    }
    let document = try BatchDocument(request.body, limits: limits) { (bytes) throws(Problem) in
      try key(bytes, for: request.principal)
    }
    if audit != nil { request.written = AuditRecord.Subject(document.operations) }
    let operations = document.operations.map { permitted($0, to: request.principal) }
    if document.isAtomic { try refuseAny(of: operations) }
    let refused = operations.indices.filter { (try? operations[$0].get()) == nil }
    let batch = Batch(
      operations: operations.compactMap { try? $0.get() }, isAtomic: document.isAtomic,
      idempotency: name.map { IdempotencyField.key($0, of: request, refusing: refused) },
      readBytesMax: limits.batchReadBytesMax)
    guard batch.reads else { return try await answer(to: batch, operations) }
    return try await room.hold(limits.roomForValues) { () async throws(Problem) in
      try await answer(to: batch, operations)
    }
  }

  private func answer(
    to batch: Batch, _ operations: [Result<Batch.Operation, Problem>]
  ) async throws(Problem) -> Response {
    let receipt = try await execute(batch)
    switch receipt.outcome {
    case .completed(let outcomes):
      var response = Response(.ok, json: results(of: operations, outcomes))
      if receipt.isReplayed { response.fields.append("Idempotency-Replayed", "true") }
      return response
    case .preconditionFailed(let index, let current):
      let problem = Problem.preconditionFailed(current: current)
        .with(index: index)
      throw receipt.isReplayed ? problem.with(field: "Idempotency-Replayed", "true") : problem
    case .addRefused(let index, let reason):
      let problem = Problem(reason).with(index: index)
      throw receipt.isReplayed ? problem.with(field: "Idempotency-Replayed", "true") : problem
    case .idempotencyMismatch: throw .idempotencyMismatch
    }
  }

  /// An operation needs the scope that it would need alone.
  private func permitted(
    _ operation: Result<Batch.Operation, Problem>, to principal: Principal
  ) -> Result<Batch.Operation, Problem> {
    operation.flatMap { operation in
      do throws(Problem) {
        switch operation {
        case .get: try require(.read, of: principal)
        case .write: try require(.write, of: principal)
        }
        return .success(operation)
      } catch {
        return .failure(error)
      }
    }
  }

  /// An atomic batch is refused if one of its operations is.
  private func refuseAny(of operations: [Result<Batch.Operation, Problem>]) throws(Problem) {
    for (index, operation) in operations.enumerated() {
      if case .failure(let problem) = operation {
        throw problem.with(index: index)
      }
    }
  }

  private func execute(_ batch: Batch) async throws(Problem) -> BatchReceipt {
    if batch.operations.isEmpty { return BatchReceipt(outcome: .completed([])) }
    do throws(StoreError) {
      return try await store.execute(batch)
    } catch {
      throw Problem(error)
    }
  }

  /// Writes the outcomes of the operations that were run and the problems of the others, in the
  /// client's order.
  private func results(
    of operations: [Result<Batch.Operation, Problem>], _ outcomes: [OperationOutcome]
  ) -> JSONWriter {
    var results = BatchResults(
      readBytesMax: limits.batchReadBytesMax, documentBytesMax: limits.answerBytesMax)
    var next = outcomes.startIndex
    for (index, operation) in operations.enumerated() {
      if case .failure(let problem) = operation {
        results.append(problem, index)
      } else {
        results.append(outcomes[next], index)
        next += 1
      }
    }
    return results.finish()
  }
}

extension Batch {
  /// Whether its answer holds values.
  fileprivate var reads: Bool {
    operations.contains { if case .get = $0 { true } else { false } }
  }
}

/// Writes the answer to a batch, result by result.
private struct BatchResults {
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

  consuming func finish() -> JSONWriter {
    writer.endArray()
    writer.endObject()
    return writer
  }

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
    case .write(.stored(let metadata)): append(metadata)
    case .write(.added(let metadata, let sum)): append(metadata, sum: sum)
    case .write(.deleted(let revision)):
      begin(status: 204)
      writer.name("revision")
      writer.number(revision.number)
      writer.endObject()
    case .write(.preconditionFailed(let current)):
      append(.preconditionFailed(current: current), index)
    case .write(.addRefused(let reason)): append(Problem(reason), index)
    case .write(.idempotencyMismatch): append(.idempotencyMismatch, index)
    }
  }

  /// An operation that failed: its problem document, with its place in the batch.
  mutating func append(_ problem: Problem, _ index: Int) {
    writer.beginObject()
    problem.with(index: index).write(to: &writer)
    writer.endObject()
  }

  private mutating func append(_ metadata: Metadata, sum: Int64? = nil) {
    begin(status: metadata.version == 1 ? 201 : 200)
    writer.name("revision")
    writer.number(metadata.revision.number)
    writer.name("version")
    writer.number(metadata.version)
    if let sum {
      writer.name("value")
      writer.number(sum)
    }
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
