import Basics
import HTTP
import KeyValueStore

// POST /batch.
extension APIHandler {
  func runBatch(_ call: Call, _ request: Request) async throws(Problem) -> Response {
    let name = try idempotencyName(call.head)
    guard request.body.count <= limits.documentBytesMax else {
      throw .contentTooLarge(bytesMax: limits.documentBytesMax)
    }
    let document = try BatchDocument(request.body, limits: limits) { (bytes) throws(Problem) in
      try key(bytes, for: call.principal)
    }
    let operations = document.operations.map { permitted($0, to: call.principal) }
    if document.isAtomic { try refuseAny(of: operations) }
    let refused = operations.indices.filter { (try? operations[$0].get()) == nil }
    let batch = Batch(
      operations: operations.compactMap { try? $0.get() }, isAtomic: document.isAtomic,
      idempotency: name.map {
        IdempotencyField.key($0, of: request, from: call.principal, refusing: refused)
      },
      readBytesMax: limits.batchReadBytesMax)
    guard batch.reads else { return try await answer(to: batch, operations) }
    return try await withRoom(for: roomForValues) { () async throws(Problem) in
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
        .with("index", .number(Int64(index)))
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

  /// One bad operation spoils an atomic batch.
  private func refuseAny(of operations: [Result<Batch.Operation, Problem>]) throws(Problem) {
    for (index, operation) in operations.enumerated() {
      if case .failure(let problem) = operation {
        throw problem.with("index", .number(Int64(index)))
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

  /// Puts the outcomes of the well-formed operations back between the others' problems.
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
