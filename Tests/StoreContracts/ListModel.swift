import KeyValueStore
import TestSupport
import Testing

/// Random keys, and what a list of them has to be: all keys sorted, filtered and folded.
struct ListModel {
  private let harness: any DatabaseHarness
  private let seed = UInt64.random(in: 0..<1_000_000)

  private static let parts = ["a", "b", "/", "//", "::", ":", "é", "\u{10FFFF}", "%", "ab"]
  private static let delimiters = ["", "/", "//", "::", "a", "é", "/a", "\u{10FFFF}", "zz"]

  init(_ harness: any DatabaseHarness) { self.harness = harness }

  func check() async throws {
    var random = SeededGenerator(seed: seed)
    let live = try await fill(&random)
    for _ in 0..<40 {
      let request = makeRequest(of: live, &random)
      try await check(request, live)
    }
  }

  /// Writes keys, of which some are deleted and some expire. Returns the values of the others.
  private func fill(_ random: inout SeededGenerator) async throws -> [[UInt8]: [UInt8]] {
    var live: [[UInt8]: [UInt8]] = [:]
    var puts: [Write] = []
    var deletes: [Write] = []
    for _ in 0..<200 {
      let key = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        Self.parts.randomElement(using: &random)!
      }.joined()
      guard live[Array(key.utf8)] == nil, !puts.contains(where: { $0.key == Key(key) }) else {
        continue
      }
      let fate = Int.random(in: 0..<6, using: &random)
      let value = String(repeating: "v", count: Int.random(in: 0..<30, using: &random))
      puts.append(.put(key, value, timeToLive: fate == 0 ? 1 : nil))
      if fate == 1 { deletes.append(.delete(key)) }
      if fate > 1 { live[Array(key.utf8)] = Array(value.utf8) }
    }
    try await harness.database.write(puts)
    try await harness.database.write(deletes)
    try await harness.advance(seconds: 2)
    return live
  }

  private func makeRequest(
    of live: [[UInt8]: [UInt8]], _ random: inout SeededGenerator
  ) -> PageRequest {
    var request = PageRequest()
    if Int.random(in: 0..<3, using: &random) > 0 {
      let key =
        live.keys.sorted { $0.lexicographicallyPrecedes($1) }
        .randomElement(using: &random) ?? []
      request.prefix = Array(key.prefix(Int.random(in: 0...3, using: &random)))
    }
    request.delimiter = Array(Self.delimiters.randomElement(using: &random)!.utf8)
    request.isReversed = Bool.random(using: &random)
    request.includesValues = Bool.random(using: &random)
    request.entriesMax = [1, 2, 3, 7, 50, 1_000].randomElement(using: &random)!
    request.valueBytesMax = [1, 50, 1_000_000].randomElement(using: &random)!
    return request
  }

  /// Follows the pages of a list to its end.
  private func check(_ first: PageRequest, _ live: [[UInt8]: [UInt8]]) async throws {
    let expected = Self.list(first, live)
    var request = first
    var listed: [[UInt8]] = []
    while true {
      let page = try await harness.database.list(request)
      #expect(page.items.count + page.prefixes.count <= request.entriesMax, "seed \(seed)")
      for item in page.items {
        let value = request.includesValues ? live[item.metadata.key.bytes] : nil
        #expect(item.value == value, "seed \(seed): \(item.metadata.key.text)")
      }
      let bytes = page.items.reduce(0) { $0 + ($1.value?.count ?? 0) }
      #expect(bytes <= request.valueBytesMax || page.items.count == 1, "seed \(seed)")
      let names = (page.items.map(\.metadata.key) + page.prefixes).map(\.bytes)
        .sorted { $0.lexicographicallyPrecedes($1) }
      listed += request.isReversed ? names.reversed() : names
      guard let next = page.next, listed.count <= expected.count else { break }
      request.after = next
    }
    #expect(listed == expected, "seed \(seed): \(first)")
  }

  private static func list(_ request: PageRequest, _ live: [[UInt8]: [UInt8]]) -> [[UInt8]] {
    let names = Set(
      live.keys.filter { $0.starts(with: request.prefix) }.map { key in
        let places = key.indices.dropFirst(request.prefix.count).filter {
          !request.delimiter.isEmpty && key[$0...].starts(with: request.delimiter)
        }
        return places.first.map { Array(key[..<($0 + request.delimiter.count)]) } ?? key
      })
    let ascending = names.sorted { $0.lexicographicallyPrecedes($1) }
    return request.isReversed ? ascending.reversed() : ascending
  }
}
