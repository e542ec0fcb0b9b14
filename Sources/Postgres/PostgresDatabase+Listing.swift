public import KeyValueStore

// Lists and counts. The proxy in front of this server waits 5 s for a read, and then takes the
// server for dead: what can't be read in time is left out.
extension PostgresDatabase {
  /// See `Database`. Reads chunk by chunk, behind the keys that a prefix stands for. Errors:
  /// `unavailable`, `overloaded`, `tooSlow`.
  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    var scan = PageScan(request)
    var chunk = ListChunk(request)
    let start = ContinuousClock.now
    while !scan.isComplete {
      if scan.hasAdvanced, ContinuousClock.now - start >= listTime { break }
      do throws(StoreError) {
        let query = Entries.scan(
          scan.rest, isReversed: request.isReversed, rowsMax: chunk.rowsMax,
          liveMax: chunk.liveMax)
        let (before, sent) = (scan.count, ContinuousClock.now)
        let rows = try await readApart([query])[0]
        let isFolded = scan.take(rows, of: chunk)
        chunk.ended(
          rows: rows.count, gained: scan.count - before, isFolded: isFolded,
          duration: ContinuousClock.now - sent)
      } catch {
        guard case .tooSlow = error, scan.hasAdvanced || chunk.rowsMax > 1,
          scan.hasAdvanced || ContinuousClock.now - start < configuration.deadline * 3 / 2
        else { throw error }
        chunk.overran()
      }
    }
    return request.includesValues ? try await valued(scan.page, of: request) : scan.page
  }

  /// For how long chunks are read for a page that has begun.
  private var listTime: Duration { configuration.deadline * 3 / 4 }

  /// The same page with values. An entry that has been deleted since is left out; one whose value
  /// has grown too large for the page, and what follows it, is left to the next page.
  private func valued(_ page: Page, of request: PageRequest) async throws(StoreError) -> Page {
    var page = page
    while !page.items.isEmpty {
      do throws(StoreError) {
        let query = Entries.valued(
          page.items.map(\.metadata.key), isReversed: request.isReversed,
          bytesMax: request.valueBytesMax)
        let items = Array(try await readApart([query])[0])
        let whole = Page(items: items, prefixes: page.prefixes, next: page.next)
        let fitting = items.prefix { $0.value != nil }.count
        return fitting < items.count ? whole.ending(at: fitting - 1, of: request) : whole
      } catch {
        guard case .tooSlow = error, page.items.count > 1 else { throw error }
        page = page.ending(at: (page.items.count - 1) / 32, of: request)
      }
    }
    return page
  }

  /// See `Database`. Counts ever more rows, in a statement each, as long as there is time: the last
  /// number is true of one moment, even if the next statement is cancelled. One count at a time.
  /// Errors: `unavailable`, `overloaded`, `tooSlow`.
  public func count(
    prefix: [UInt8], within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    let arrival = ContinuousClock.now
    do throws(ExchangeError) { try await pool.beginCount() } catch { throw unwritten(error) }
    let end = max(arrival + limit, .now + limit / 8)
    let result: Result<LiveCount, StoreError>
    do throws(StoreError) {
      result = .success(try await count(KeyRange(prefix: prefix), until: end))
    } catch {
      result = .failure(error)
    }
    await pool.endCount()
    return try result.get()
  }

  private func count(
    _ range: KeyRange, until end: ContinuousClock.Instant
  ) async throws(StoreError) -> LiveCount {
    var rowsMax = Self.countedFirst
    var (start, now) = (ContinuousClock.now, ContinuousClock.now)
    var count = try await self.count(range, rowsMax: rowsMax, within: configuration.deadline)
    while count.isAtLeast {
      (start, now) = (now, .now)
      // As many rows as there will be time for. Fewer than twice as many are not worth their while.
      let growth = min((end - now) / (now - start) * 0.75, Self.countGrowthMax)
      if growth < 2 { break }
      rowsMax = Int(Double(rowsMax) * growth)
      do throws(StoreError) {
        count = try await self.count(range, rowsMax: rowsMax, within: end - now)
      } catch {
        guard case .tooSlow = error else { throw error }
        break
      }
    }
    return count
  }

  private func count(
    _ range: KeyRange, rowsMax: Int, within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    let query = Entries.count(range, rowsMax: rowsMax)
    let rows = try await readApart([query], within: limit)[0]
    return rows.first.map { LiveCount($0.live, isAtLeast: $0.rows == rowsMax) }
      ?? LiveCount(0, isAtLeast: false)
  }

  /// How many rows are counted first, and how many times more at most then: the time of the first
  /// is mostly that of the way to the server.
  static let countedFirst = 2_000
  private static let countGrowthMax = 50.0
}

/// How many rows the next statement of a list reads. No I/O.
///
/// First one page, as if all rows were live. More where many are dead, or where a prefix stands for
/// few keys; fewer where it stands for so many that most rows would be read for nothing.
struct ListChunk {
  /// The most rows that the statement reads.
  private(set) var rowsMax: Int
  /// The most live rows that it returns.
  let liveMax: Int

  /// Read in a tenth of a second on a server that is not busy.
  static let most = 16_384
  /// Read in about the time that a statement needs for its way to the server and back.
  static let least = 128
  /// The most live rows where they may be folded.
  static let foldedMost = 2_048
  /// A statement that takes longer is not followed by a larger one.
  static let slow = Duration.milliseconds(200)

  init(_ request: PageRequest) {
    rowsMax = request.entriesMax + 1
    liveMax = request.delimiter.isEmpty ? request.entriesMax + 1 : Self.foldedMost
  }

  /// A statement has returned so many rows, of which the page has gained so many entries and
  /// prefixes. `isFolded`: a prefix stands for the last row.
  mutating func ended(rows: Int, gained: Int, isFolded: Bool, duration: Duration) {
    if isFolded, gained <= 1 {
      rowsMax = min(max(rowsMax / 8, Self.least), rowsMax)
    } else if rows >= liveMax {
      rowsMax = min(rowsMax, liveMax)
    } else if duration < Self.slow {
      rowsMax = min(rowsMax * 4, Self.most)
    }
  }

  /// A statement was cancelled because it took too long.
  mutating func overran() { rowsMax = max(rowsMax / 32, 1) }
}

extension PageScan {
  /// Takes the rows that a statement has returned. Returns whether a prefix stands for the last.
  fileprivate mutating func take(_ rows: Rows<Entries.ScannedRow>, of chunk: ListChunk) -> Bool {
    var isCut = rows.count == chunk.liveMax
    var last: Key?
    for row in rows {
      last = row.metadata.key
      isCut = isCut || row.isLast
      if !row.isLive {
        pass(row.metadata.key)
      } else if take(row.metadata, value: { nil }) == .stop {
        return false
      }
    }
    if !isCut { finish() }
    return last.map { isFolded($0) } ?? false
  }
}
