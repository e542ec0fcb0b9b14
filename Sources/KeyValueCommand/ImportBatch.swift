internal import Basics
internal import FoundationEssentials
internal import KeyValueClient
internal import Synchronization

/// The lines of an import that are stored by one request.
struct ImportBatch {
  private static let linesMax = 500
  private static let bytesMax = 2 << 20
  /// A larger value is sent by itself: as Base64 it might not fit into a batch of 8 MiB.
  fileprivate static let valueBytesMax = 2 << 20

  private let ifAbsent: Bool
  private var lines: Lines

  init(ifAbsent: Bool) {
    self.ifAbsent = ifAbsent
    lines = Lines(ifAbsent: ifAbsent)
  }

  var isFull: Bool {
    lines.items.count >= Self.linesMax || lines.bytes >= Self.bytesMax
  }

  /// Takes a line. An empty one is left out, and an entry that has expired is only counted.
  mutating func append(_ line: LineSplitter.Line) throws(TransferLineError) {
    guard !line.isTooLong else { throw TransferLineError("it is longer than 64 MiB") }
    guard line.bytes.contains(where: { $0 > 0x20 }) else { return }
    let parsed = try TransferLine(parsing: line.bytes)
    lines.lastLine = line.number
    if let left = parsed.secondsLeft(now: SystemTime.microseconds()), left <= 0 {
      lines.expired += 1
      return
    }
    lines.items.append((line.number, parsed))
    lines.bytes += parsed.value.count + parsed.key.utf8.count
  }

  /// The lines so far; the batch is empty afterwards.
  mutating func take() -> Lines {
    defer { lines = Lines(ifAbsent: ifAbsent) }
    return lines
  }

  struct Lines {
    let ifAbsent: Bool
    fileprivate(set) var items: [(number: Int, line: TransferLine)] = []
    fileprivate(set) var bytes = 0
    fileprivate(set) var expired = 0
    /// The last line that was read; nil: none.
    fileprivate(set) var lastLine: Int?

    fileprivate init(ifAbsent: Bool) { self.ifAbsent = ifAbsent }
  }

  /// What became of a line.
  struct Outcome {
    let line: Int
    let status: Int
    let text: String
  }
}

extension ImportBatch.Lines {
  private static let attemptsMax = 5

  /// Stores all lines, in order. What a busy server turned away is sent again.
  func store(_ client: StoreClient) async throws(ClientError) -> [ImportBatch.Outcome] {
    var outcomes: [ImportBatch.Outcome] = []
    var small: [(number: Int, line: TransferLine)] = []
    for item in items {
      guard item.line.value.count > ImportBatch.valueBytesMax else {
        small.append(item)
        continue
      }
      outcomes += try await storeTogether(small, client)
      small = []
      outcomes.append(try await storeAlone(item, client))
    }
    return outcomes + (try await storeTogether(small, client))
  }

  private func storeTogether(
    _ items: [(number: Int, line: TransferLine)], _ client: StoreClient
  ) async throws(ClientError) -> [ImportBatch.Outcome] {
    var left = items
    var outcomes: [ImportBatch.Outcome] = []
    var backoff = Backoff(first: .milliseconds(250), longest: .seconds(4))
    var attempt = 0
    while !left.isEmpty {
      attempt += 1
      var again: [(number: Int, line: TransferLine)] = []
      let results = try await send(left, client)
      guard results.count == left.count else {
        throw .malformed("the answer to a batch has \(results.count) results of \(left.count)")
      }
      for (item, result) in zip(left, results) {
        if [429, 503].contains(result.status), attempt < Self.attemptsMax {
          again.append(item)
        } else {
          outcomes.append(
            ImportBatch.Outcome(line: item.number, status: result.status, text: result.text))
        }
      }
      left = again
      if left.isEmpty { break }
      try? await Task.sleep(for: backoff.next())
    }
    return outcomes.sorted { $0.line < $1.line }
  }

  private struct Results: Decodable {
    let results: [Result]

    struct Result: Decodable {
      let status: Int
      let title: String?
      let detail: String?
      var text: String {
        let said = [title, detail].compactMap { $0 }.joined(separator: ": ")
        return said.isEmpty ? "the server answered with status \(status)" : said
      }
    }
  }

  private func send(
    _ items: [(number: Int, line: TransferLine)], _ client: StoreClient
  ) async throws(ClientError) -> [Results.Result] {
    var writer = JSONWriter(reserving: bytes * 2 + 1_024)
    writer.beginObject()
    writer.name("operations")
    writer.beginArray()
    for item in items {
      item.line.writeOperation(to: &writer, secondsLeft: ttl(of: item.line), ifAbsent: ifAbsent)
    }
    writer.endArray()
    writer.endObject()
    var request = ClientRequest("POST", "/batch")
    request.set("Content-Type", "application/json")
    request.identify()
    request.body = writer.bytes
    let answer: Results = try client.decode(try await client.send(request))
    return answer.results
  }

  private func storeAlone(
    _ item: (number: Int, line: TransferLine), _ client: StoreClient
  ) async throws(ClientError) -> ImportBatch.Outcome {
    var request = ClientRequest.entry("PUT", item.line.key)
    if let ttl = ttl(of: item.line) { request.query("ttl", String(ttl)) }
    if let type = item.line.contentType, type.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
      request.set("Content-Type", type)
    }
    if ifAbsent { request.set("If-None-Match", "*") }
    request.identify()
    request.body = item.line.value
    do throws(ClientError) {
      let answer = try await client.send(request)
      return ImportBatch.Outcome(line: item.number, status: answer.status, text: "")
    } catch {
      guard case .refused(let problem) = error else { throw error }
      return ImportBatch.Outcome(
        line: item.number, status: problem.status, text: problem.text)
    }
  }

  private func ttl(of line: TransferLine) -> Int64? {
    line.secondsLeft(now: SystemTime.microseconds()).map { min(max($0, 1), 315_360_000) }
  }
}

/// How far an import is.
final class ImportProgress: Sendable {
  struct Counts {
    var stored = 0
    var existing = 0
    var expired = 0
    var failed = 0
    /// All lines before this one are done.
    var nextLine: Int
  }

  private let state: Mutex<Counts>
  private let firstLine: Int

  init(fromLine: Int) {
    firstLine = fromLine
    state = Mutex(Counts(nextLine: fromLine))
  }

  var counts: Counts { state.withLock { $0 } }

  func add(stored: Int = 0, existing: Int = 0, expired: Int = 0, upTo line: Int? = nil) {
    state.withLock {
      $0.stored += stored
      $0.existing += existing
      $0.expired += expired
      if let line { $0.nextLine = line + 1 }
    }
  }

  /// - Parameter isSkipped: whether the import goes on after the line.
  func failed(at line: Int, isSkipped: Bool) {
    state.withLock {
      $0.failed += 1
      $0.nextLine = isSkipped ? line + 1 : line
    }
  }

  /// How to go on; nil: nothing is done yet.
  var advice: String? {
    let next = counts.nextLine
    return next == firstLine
      ? nil : "The lines before \(next) are done: --from-line \(next) goes on there."
  }
}
