// The ports of a store with a span around each call that a recorded request makes. Only a process
// that exports spans puts them around its ports.

package import KeyValueStore

/// What is behind a port.
package struct TracedSystem: Sendable {
  /// OpenTelemetry's name of the product.
  let name: @Sendable () -> String
  /// Whether it is another process.
  let isRemote: Bool

  package init(_ name: @escaping @autoclosure @Sendable () -> String, isRemote: Bool) {
    self.name = name
    self.isRemote = isRemote
  }
}

extension Tracer {
  /// Calls a database or a cache, and records that if the current task's work is recorded.
  fileprivate func call<Result, Failure: Error>(
    _ operation: String, of system: TracedSystem, size: Int = 1,
    describe: (Result, inout Span) -> Void = { _, _ in },
    _ body: () async throws(Failure) -> Result
  ) async throws(Failure) -> Result {
    guard current != nil else { return try await body() }
    let name = system.name()
    guard
      var open = beginPart("\(operation) \(name)", system.isRemote ? .client : .internal)
    else { return try await body() }
    open.span.attributes = [
      Span.Attribute("db.system.name", name), Span.Attribute("db.operation.name", operation),
    ]
    // A batch has two operations at least.
    if size > 1 { open.span.attributes.append(Span.Attribute("db.operation.batch.size", size)) }
    do throws(Failure) {
      let result = try await body()
      describe(result, &open.span)
      end(open)
      return result
    } catch {
      open.span.isFailed = true
      end(open)
      throw error
    }
  }
}

/// A cache whose calls are recorded.
package struct TracedCache: Cache {
  private let cache: any Cache
  private let system: TracedSystem
  private let tracer: Tracer

  package init(_ cache: any Cache, _ system: TracedSystem, _ tracer: Tracer) {
    self.cache = cache
    self.system = system
    self.tracer = tracer
  }

  package func find(_ key: Key) async -> CacheAnswer {
    await tracer.call("find", of: system) { answer, span in
      let isHit = if case .hit = answer { true } else { false }
      span.attributes.append(Span.Attribute("kv.cache.hit", isHit))
    } _: {
      await cache.find(key)
    }
  }

  package func peek(_ keys: [Key]) async -> [Lookup?] {
    await tracer.call("peek", of: system, size: keys.count) { await cache.peek(keys) }
  }

  package func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    await tracer.call("fill", of: system) { await cache.fill(key, with: lookup, lease: lease) }
  }

  package func update(_ updates: [CacheUpdate]) async -> Bool {
    await tracer.call("update", of: system, size: updates.count) { isDone, span in
      span.isFailed = !isDone
    } _: {
      await cache.update(updates)
    }
  }

  package func hasRepaired(_ updates: [CacheUpdate]) async -> Bool {
    await cache.hasRepaired(updates)
  }

  package func statistics() async -> CacheStatistics { await cache.statistics() }
  package func checkHealth() async throws(StoreError) { try await cache.checkHealth() }
}

/// A database whose calls are recorded, as far as they are made for a request.
package struct TracedDatabase: Database {
  private let database: any Database
  private let system: TracedSystem
  private let tracer: Tracer

  package init(_ database: any Database, _ system: TracedSystem, _ tracer: Tracer) {
    self.database = database
    self.system = system
    self.tracer = tracer
  }

  package func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    try await tracer.call("read", of: system, size: keys.count) { () async throws(StoreError) in
      try await database.read(keys)
    }
  }

  package func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    await tracer.call("write", of: system, size: writes.count) { results, span in
      span.isFailed = results.contains { if case .failure = $0 { true } else { false } }
    } _: {
      await database.write(each: writes, isPatient: isPatient)
    }
  }

  package func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    try await tracer.call("execute", of: system, size: batch.operations.count) {
      () async throws(StoreError) in try await database.execute(batch)
    }
  }

  package func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try await tracer.call("list", of: system) { () async throws(StoreError) in
      try await database.list(request)
    }
  }

  package func count(
    prefix: [UInt8], within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    try await tracer.call("count", of: system) { () async throws(StoreError) in
      try await database.count(prefix: prefix, within: limit)
    }
  }

  package func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    try await tracer.call("apply", of: system, size: queued.count) { () async throws(StoreError) in
      try await database.apply(queued)
    }
  }

  /// Not recorded: a client that waits for an operation has it read again and again.
  package func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try await database.operation(id)
  }

  package func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    try await database.purgeExpired(limit: limit)
  }

  package func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    try await database.purgeRetained(limit: limit)
  }

  package func checkHealth() async throws(StoreError) { try await database.checkHealth() }
}

/// A queue whose messages say which request has sent them.
package struct TracedQueue: WriteQueue {
  private let queue: any WriteQueue
  /// The queue's name at the broker.
  private let destination: String
  private let tracer: Tracer

  package init(_ queue: any WriteQueue, destination: String, _ tracer: Tracer) {
    self.queue = queue
    self.destination = destination
    self.tracer = tracer
  }

  package var keepsWrites: Bool { queue.keepsWrites }

  package func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    guard var open = tracer.beginPart("send \(destination)", .producer) else {
      return try await queue.submit(queued)
    }
    open.span.attributes = [
      Span.Attribute("messaging.system", "rabbitmq"),
      Span.Attribute("messaging.operation.name", "send"),
      Span.Attribute("messaging.operation.type", "send"),
      Span.Attribute("messaging.destination.name", destination),
    ]
    var queued = queued
    queued.origin = open.context
    do throws(StoreError) {
      let receipt = try await queue.submit(queued)
      tracer.end(open)
      return receipt
    } catch {
      open.span.isFailed = true
      tracer.end(open)
      throw error
    }
  }

  package func checkHealth() async throws(StoreError) { try await queue.checkHealth() }
}
