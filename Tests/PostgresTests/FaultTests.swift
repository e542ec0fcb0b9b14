import KeyValueStore
import Observability
import StoreContracts
import Synchronization
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnPostgres {
  /// Servers that die, hang and come back.
  @Suite("Faults")
  struct FaultTests {
    /// What this server acknowledges has reached the operating system, which outlives the server
    /// here.
    private func makeServer() throws -> PostgresServer {
      try PostgresServer(settings: ["synchronous_commit": "on"])
    }

    /// What clients were told of each key.
    private final class Ledger: Sendable {
      let stored = Mutex<Set<String>>([])
      let refused = Mutex<Set<String>>([])
      let unknown = Mutex<Set<String>>([])
      let isOver = Atomic<Bool>(false)
    }

    /// Writes new keys on each loop until `isOver`.
    private func load(
      _ node: Node, ledger: Ledger
    ) async throws {
      try await concurrently(8) { number in
        let database = node.databases[number % node.databases.count]
        var round = 0
        while !ledger.isOver.load(ordering: .relaxed) {
          let keys = (0..<5).map { "k-\(number)-\(round)-\($0)" }
          round += 1
          do throws(StoreError) {
            if number % 4 == 3 {
              _ = try await database.execute(
                Batch(operations: keys.map { .write(.put($0)) }, isAtomic: true))
            } else {
              let condition = number % 4 == 2 ? Condition(ifNoneMatch: .any) : .none
              _ = try await database.write(keys.map { .put($0, condition: condition) })
            }
            ledger.stored.withLock { $0.formUnion(keys) }
          } catch {
            switch error {
            case .unavailable:
              ledger.refused.withLock { $0.formUnion(keys) }
              // Such calls fail at once: without a pause they would only fill the ledger.
              Polling.pause()
            case .outcomeUnknown: ledger.unknown.withLock { $0.formUnion(keys) }
            default: Issue.record("\(error)")
            }
          }
        }
      }
    }

    @Test(
      "Under faults acknowledged writes are there, and refused ones are not",
      arguments: ["kill", "stop", "pause"])
    func outcomes(_ fault: String) async throws {
      let server = try makeServer()
      defer { server.remove() }
      let node = try Node(server.url(), loops: 2)
      _ = try await node.database.write([.put("first")])
      let ledger = Ledger()
      try await withThrowingTaskGroup { group in
        group.addTask { try await load(node, ledger: ledger) }
        for _ in 0..<2 {
          try await progress(of: ledger)
          switch fault {
          case "kill":
            server.kill()
            try server.start()
          case "stop":
            server.stop()
            try server.start()
          default:
            server.pause()
            // Until a client has noticed.
            try Polling.wait(for: "refusal") {
              ledger.unknown.withLock { !$0.isEmpty }
            }
            server.resume()
          }
        }
        try await progress(of: ledger)
        ledger.isOver.store(true, ordering: .relaxed)
        try await group.waitForAll()
      }
      let admin = try AdminConnection(server.url())
      // Statements of connections that were given up may still be running.
      try Polling.wait(for: "end of old transactions") {
        try admin.number(
          "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()"
        ) == 0
      }
      let there = Set(
        try admin.run("SELECT convert_from(key, 'UTF8') FROM entries WHERE version > 0"))
      let stored = ledger.stored.withLock { $0 }
      let refused = ledger.refused.withLock { $0 }
      #expect(stored.subtracting(there).isEmpty)
      #expect(refused.intersection(there).isEmpty)
      await node.close()
    }

    /// Waits until 100 more keys have been acknowledged.
    private func progress(of ledger: Ledger) async throws {
      let count = ledger.stored.withLock { $0.count }
      try Polling.wait(for: "progress") { ledger.stored.withLock { $0.count } > count + 100 }
    }

    @Test("A server that hangs costs its deadline once; then calls fail at once until it is back")
    func hanging() async throws {
      let server = try makeServer()
      defer { server.remove() }
      let node = try Node(server.url())
      let database = node.database
      _ = try await database.write([.put("k")])
      _ = try await database.read([Key("k")])
      server.pause()
      let start = ContinuousClock.now
      let first = await failure { () async throws(StoreError) in
        _ = try await database.write([.put("k")])
      }
      #expect(first?.isUnknown == true)
      for _ in 0..<20 {
        let next = await failure { () async throws(StoreError) in
          _ = try await database.write([.put("k")])
        }
        #expect(next?.isUnavailable == true)
      }
      // Only the first has waited for its deadline. All of them would take 42 s.
      #expect(ContinuousClock.now - start < .seconds(20))
      server.resume()
      try await recovered(database)
      #expect(node.database.metrics.connectionFailures.value >= 1)
      await node.close()
    }

    @Test("A node starts without its database, refuses calls meanwhile, and connects by itself")
    func lateDatabase() async throws {
      let server = try makeServer()
      defer { server.remove() }
      server.kill()
      let node = try Node(server.url())
      let error = await failure { () async throws(StoreError) in
        _ = try await node.database.read([Key("k")])
      }
      #expect(error?.isUnavailable == true)
      try server.start()
      try await recovered(node.database)
      await node.close()
    }

    @Test("An idle connection that the server ends is replaced before a call needs it")
    func idle() async throws {
      let server = try makeServer()
      defer { server.remove() }
      let node = try Node(server.url())
      _ = try await node.database.write([.put("k")])
      // One that writes, one that looks keys up, those for transactions, those for long queries.
      let all = 2 + 3 + 2
      try Polling.wait(for: "connections") { node.database.metrics.connections.value == all }
      let opened = node.database.metrics.connects.value
      let admin = try AdminConnection(server.url())
      try admin.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
      try Polling.wait(for: "new connections") {
        node.database.metrics.connects.value >= opened + UInt64(all)
          && node.database.metrics.connections.value == all
      }
      _ = try await node.database.write([.put("k")])
      await node.close()
    }

    /// Tries until a write and a read succeed.
    private func recovered(_ database: PostgresDatabase) async throws {
      let end = ContinuousClock.now + .seconds(20)
      while ContinuousClock.now < end {
        let error = await failure { () async throws(StoreError) in
          _ = try await database.write([.put("again")])
          _ = try await database.read([Key("again")])
        }
        if error == nil { return }
        await Task.yield()
      }
      Issue.record("the database was not found again")
    }
  }
}
