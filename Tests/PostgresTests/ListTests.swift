import KeyValueStore
import Observability
import StoreContracts
import TestServices
import TestSupport
import Testing

@testable import Postgres

extension OnAnyDatabase {
  /// Lists and counts beside 100,000 keys of each kind.
  @Suite("Lists of large tables", .serialized)
  struct ListTests {
    private func withLargeTable(
      _ body: (PostgresDatabase) async throws -> Void
    ) async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      let node = try Node(target.url) { $0.deadline = .seconds(20) }
      _ = try await node.database.write([.put("a"), .put("z")])
      for (name, value) in [
        ("'deep/' || n::TEXT", "''"), ("'flat/' || n::TEXT || '/x'", "''"),
        ("'gone/' || n::TEXT", "NULL"),
      ] {
        // In pieces, because CockroachDB bounds the size of a transaction.
        for start in stride(from: 100_000, to: 200_000, by: 20_000) {
          try target.admin.run(
            """
            INSERT INTO entries (key, value, content_type, revision, version, created_at,
              updated_at)
            SELECT convert_to(\(name), 'UTF8'), \(value)::BYTEA, '', n, 1, n, n
            FROM generate_series(\(start), \(start + 19_999)) AS g(n)
            """)
        }
      }
      let statistics =
        SharedServer.isCockroach ? "CREATE STATISTICS fresh FROM entries" : "ANALYZE entries"
      try target.admin.run(statistics)
      try await body(node.database)
      await node.close()
      try target.drop()
    }

    /// How many exchanges with the server `body` makes.
    private func exchanges(
      _ database: PostgresDatabase, _ body: () async throws -> Void
    ) async throws -> UInt64 {
      let before = database.metrics.exchanges.value
      try await body()
      return database.metrics.exchanges.value - before
    }

    @Test("What is hidden or deleted costs few exchanges, however much it is")
    func exchangesOfPages() async throws {
      try await withLargeTable { database in
        for isReversed in [false, true] {
          var request = PageRequest(delimiter: [0x2F], isReversed: isReversed)
          // Three prefixes to seek past, of which one turns out to be dead.
          let hidden = try await exchanges(database) {
            var page = try await database.list(request)
            #expect(page.items.count == 2 && page.prefixes.count == 2 && !page.hasMore)
            request.prefix = Array("deep/".utf8)
            page = try await database.list(request)
            #expect(page.items.count == 100 && page.hasMore)
          }
          #expect(hidden <= 30)
          // Prefixes of one key each.
          request.prefix = Array("flat/".utf8)
          request.entriesMax = 1_000
          let siblings = try await exchanges(database) {
            let page = try await database.list(request)
            #expect(page.prefixes.count == 1_000 && page.hasMore)
          }
          #expect(siblings <= 2)
          request.prefix = Array("gone/".utf8)
          let deleted = try await exchanges(database) {
            let page = try await database.list(request)
            #expect(page.items.isEmpty && page.prefixes.isEmpty && !page.hasMore)
          }
          #expect(deleted <= 15)
        }
      }
    }

    @Test("A count reads what there is time for")
    func counts() async throws {
      try await withLargeTable { database in
        let all = try await database.count(prefix: [], within: .seconds(60))
        #expect(all == LiveCount(200_002, isAtLeast: false))
        let gone = try await database.count(prefix: Array("gone".utf8), within: .seconds(60))
        #expect(gone == LiveCount(0, isAtLeast: false))
        let part = try await database.count(prefix: [], within: .milliseconds(1))
        #expect(part.isAtLeast && part.count >= PostgresDatabase.countedFirst)
      }
    }
  }
}

extension OnPostgres {
  @Suite("Lists and counts that take too long", .serialized)
  struct LongListTests {
    /// A table of 3,000 rows, of which the one in place 2,500 takes longer to read than any
    /// deadline, and the one in place 2,450 when its value is asked for.
    private func withSlowRow(_ body: (PostgresDatabase) async throws -> Void) async throws {
      let target = try TestDatabase(on: try #require(SharedPostgres.current))
      let node = try Node(target.url) { $0.deadline = .milliseconds(500) }
      _ = try await node.database.write((0..<3_000).map { .put("k\(10_000 + $0)") })
      // Without statistics the planner would sort all rows of a range, also those past the limit.
      try target.admin.run("ANALYZE entries")
      try target.admin.run("ALTER TABLE entries RENAME TO stored")
      // Declared stable: a view of what is volatile is read as a whole.
      try target.admin.run(
        """
        CREATE FUNCTION slowly(key BYTEA, value BYTEA) RETURNS BYTEA LANGUAGE plpgsql STABLE AS '
          BEGIN
            IF key = ''k12500'' OR key = ''k12450'' AND current_query() LIKE ''%sized%'' THEN
              PERFORM pg_sleep(60);
            END IF;
            RETURN value;
          END'
        """)
      try target.admin.run(
        """
        CREATE VIEW entries AS SELECT key, slowly(key, value) AS value, content_type, revision,
          version, created_at, updated_at, expires_at
        FROM stored
        """)
      try await body(node.database)
      await node.close()
      try target.drop()
    }

    @Test("A page ends before what can't be read in time, and fails only if it would be empty")
    func pages() async throws {
      try await withSlowRow { database in
        var request = PageRequest(
          prefix: Array("k12".utf8), after: .after(Key("k12459")), entriesMax: 1_000)
        var listed: [String] = []
        var last: StoreError?
        while last == nil {
          do throws(StoreError) {
            let page = try await database.list(request)
            listed += page.items.map(\.metadata.key.text)
            guard let next = page.next else { break }
            request.after = next
          } catch {
            last = error
          }
        }
        #expect(!listed.isEmpty && listed.count <= 40)
        #expect(listed == (460..<460 + listed.count).map { "k12\($0)" })
        guard case .tooSlow = last else {
          Issue.record("\(String(describing: last))")
          return
        }
      }
    }

    @Test("A page ends before values that can't be read in time")
    func values() async throws {
      try await withSlowRow { database in
        let page = try await database.list(
          PageRequest(
            after: .after(Key("k12429")), entriesMax: 50, includesValues: true))
        #expect(page.items.map(\.metadata.key.text) == ["k12430", "k12431"])
        #expect(page.items.allSatisfy { $0.value == Array("value".utf8) })
        #expect(page.next == .after(Key("k12431")))
      }
    }

    @Test("A count that is cancelled returns the number before it")
    func counts() async throws {
      try await withSlowRow { database in
        let count = try await database.count(prefix: [], within: .seconds(1))
        #expect(count == LiveCount(PostgresDatabase.countedFirst, isAtLeast: true))
        let cancellations = database.metrics.cancellations.value
        #expect(cancellations == 1)
      }
    }

    @Test("A first count that takes too long fails, and the next one is not held up by it")
    func firstCount() async throws {
      try await withSlowRow { database in
        let error = await failure { () async throws(StoreError) in
          _ = try await database.count(prefix: Array("k125".utf8), within: .seconds(1))
        }
        guard case .tooSlow = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        let next = try await database.count(prefix: Array("k11".utf8), within: .seconds(1))
        #expect(next == LiveCount(1_000, isAtLeast: false))
      }
    }
  }
}

@Suite("The chunks of a list grow and shrink")
struct ListChunkTests {
  @Test("The first is a page and one entry; more where rows are dead, up to a bound")
  func dead() {
    var chunk = ListChunk(PageRequest(entriesMax: 100))
    #expect(chunk.rowsMax == 101 && chunk.liveMax == 101)
    var sizes: [Int] = []
    for _ in 0..<6 {
      chunk.ended(rows: 1, gained: 0, isFolded: false, duration: .zero)
      sizes.append(chunk.rowsMax)
    }
    #expect(sizes == [404, 1_616, 6_464, 16_384, 16_384, 16_384])
  }

  @Test("Fewer where a prefix stands for more than a chunk, more where it stands for less")
  func folded() {
    var chunk = ListChunk(PageRequest(delimiter: [0x2F], entriesMax: 1_000))
    var sizes: [Int] = []
    for _ in 0..<4 {
      chunk.ended(rows: 100, gained: 1, isFolded: true, duration: .zero)
      sizes.append(chunk.rowsMax)
    }
    #expect(sizes == [128, 128, 128, 128])
    chunk.ended(rows: 100, gained: 2, isFolded: true, duration: .zero)
    #expect(chunk.rowsMax == 512)
  }

  @Test("They read no more live rows than are returned")
  func live() {
    var chunk = ListChunk(PageRequest(delimiter: [0x2F], entriesMax: 1_000))
    for _ in 0..<2 { chunk.ended(rows: 1_001, gained: 10, isFolded: true, duration: .zero) }
    #expect(chunk.rowsMax > chunk.liveMax)
    chunk.ended(rows: chunk.liveMax, gained: 10, isFolded: true, duration: .zero)
    #expect(chunk.rowsMax == chunk.liveMax)
  }

  @Test("On a server that is slow they do not grow")
  func slow() {
    var chunk = ListChunk(PageRequest(entriesMax: 100))
    chunk.ended(rows: 1, gained: 0, isFolded: false, duration: ListChunk.slow)
    #expect(chunk.rowsMax == 101)
  }

  @Test("A small page stays small; after an overrun, the next chunk is much smaller")
  func bounds() {
    var chunk = ListChunk(PageRequest(delimiter: [0x2F], entriesMax: 1))
    chunk.ended(rows: 100, gained: 1, isFolded: true, duration: .zero)
    #expect(chunk.rowsMax == 2)
    chunk = ListChunk(PageRequest(entriesMax: 1_000))
    chunk.overran()
    #expect(chunk.rowsMax == 31)
    chunk.overran()
    #expect(chunk.rowsMax == 1)
  }
}
