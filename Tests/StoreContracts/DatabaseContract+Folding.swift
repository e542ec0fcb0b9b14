import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let folding: [Case] = [
    Case("Keys with the delimiter behind the prefix are folded into one prefix each") { harness in
      for key in [
        "a", "a/", "a/1", "a/b/c", "a/b/d", "b", "b/", "/x", "//y", "c//d", "c//e", "é/1",
        "d\u{80}",
      ] { try await harness.store(key) }
      try await harness.expect("", "/", ["a", "b", "d\u{80}"], ["/", "a/", "b/", "c/", "é/"])
      // A key that equals the prefix stands for itself, and so does one that ends in it.
      try await harness.expect("a/", "/", ["a/", "a/1"], ["a/b/"])
      try await harness.expect("a", "/", ["a"], ["a/"])
      try await harness.expect("a/b", "/", [], ["a/b/"])
      // Empty segments.
      try await harness.expect("/", "/", ["/x"], ["//"])
      try await harness.expect("c/", "/", [], ["c//"])
      try await harness.expect("c//", "/", ["c//d", "c//e"], [])
      try await harness.expect("none", "/", [], [])
    },
    Case("A delimiter is bytes of any length, not only a slash") { harness in
      for key in ["a::b", "a:b", "a:::c", "::", "b😀1", "b😀2", "%/_", "aaa", "aa", "\u{10FFFF}"] {
        try await harness.store(key)
      }
      try await harness.expect(
        "", "::", ["%/_", "a:b", "aa", "aaa", "b😀1", "b😀2", "\u{10FFFF}"], ["::", "a::"])
      try await harness.expect("b", "😀", [], ["b😀"])
      try await harness.expect(
        "", "aa",
        Array([
          "%/_", "::", "a:::c", "a::b", "a:b", "b😀1", "b😀2",
          "\u{10FFFF}",
        ]), ["aa"])
      try await harness.expect("a", "a", ["a:::c", "a::b", "a:b"], ["aa"])
      try await harness.expect(
        "", "\u{10FFFF}",
        [
          "%/_", "::", "a:::c", "a::b", "a:b", "aa", "aaa",
          "b😀1", "b😀2",
        ], ["\u{10FFFF}"])
    },
    Case("A prefix is listed only while a live key is under it") { harness in
      for key in ["a/1", "a/2", "b/1", "c/1", "c/2"] {
        try await harness.store(key, timeToLive: key.hasPrefix("c") ? 1 : nil)
      }
      try await harness.remove("a/1")
      try await harness.remove("b/1")
      try await harness.advance(seconds: 2)
      try await harness.expect("", "/", [], ["a/"])
      try await harness.remove("a/2")
      try await harness.expect("", "/", [], [])
    },
    Case("A list goes backwards, from page to page") { harness in
      let keys = ["a", "b", "b\u{10FFFF}", "c", "\u{10FFFF}"]
      for key in keys { try await harness.store(key) }
      try await harness.store("bb")
      try await harness.remove("bb")
      var request = PageRequest(isReversed: true, entriesMax: 2)
      var listed: [[String]] = []
      while true {
        let page = try await harness.database.list(request)
        listed.append(page.items.map(\.metadata.key.text))
        guard let next = page.next else { break }
        request.after = next
      }
      #expect(listed == [["\u{10FFFF}", "c"], ["b\u{10FFFF}", "b"], ["a"]])
      let page = try await harness.database.list(
        PageRequest(prefix: Array("b".utf8), isReversed: true, entriesMax: 2))
      #expect(page.items.map(\.metadata.key.text) == ["b\u{10FFFF}", "b"] && !page.hasMore)
    },
    Case("A position before, inside and behind the prefix, backwards") { harness in
      for key in ["a1", "b1", "b2", "b3", "c1"] { try await harness.store(key) }
      for (before, expected) in [
        ("c1", ["b3", "b2", "b1"]), ("b3", ["b2", "b1"]), ("b1x", ["b1"]), ("b", []), ("a", []),
      ] {
        let page = try await harness.database.list(
          PageRequest(prefix: Array("b".utf8), isReversed: true, after: .before(Key(before))))
        #expect(page.items.map(\.metadata.key.text) == expected)
      }
    },
    Case("A folded prefix counts as one entry of a page, whichever way the list goes") { harness in
      for key in ["a/1", "a/2", "b", "c/1", "c/2", "d"] { try await harness.store(key) }
      let forwards = try await harness.pages(of: 1)
      #expect(forwards == [["a/"], ["b"], ["c/"], ["d"]])
      #expect(try await harness.pages(of: 2) == [["a/", "b"], ["c/", "d"]])
      #expect(try await harness.pages(of: 3) == [["a/", "b", "c/"], ["d"]])
      #expect(try await harness.pages(of: 3, isReversed: true) == [["d", "c/", "b"], ["a/"]])
      #expect(try await harness.pages(of: 4, isReversed: true) == [["d", "c/", "b", "a/"]])
    },
    Case("Folded entries need no room for their values") { harness in
      for (key, size) in [("a", 10), ("b/1", 1_000), ("b/2", 1_000), ("c", 10), ("d", 10)] {
        try await harness.store(key, String(repeating: "v", count: size))
      }
      for isReversed in [false, true] {
        let page = try await harness.database.list(
          PageRequest(
            delimiter: [0x2F], isReversed: isReversed, includesValues: true, valueBytesMax: 20))
        #expect(
          page.items.map(\.metadata.key.text) == (isReversed ? ["d", "c"] : ["a", "c"]))
        #expect(page.items.allSatisfy { $0.value?.count == 10 } && page.hasMore)
        #expect(page.prefixes == [Key("b/")])
      }
    },
    Case("Folding finds its way through many keys under a prefix, and many prefixes") { harness in
      var keys = (0..<1_500).map { "b/\(10_000 + $0)" }
      keys += (0..<200).flatMap { number in (0..<3).map { "c\(1_000 + number)/\($0)" } }
      keys += (0..<20).flatMap { number in (0..<40).map { "d\(10 + number)/\($0 + 10)" } }
      for start in stride(from: 0, to: keys.count, by: 1_000) {
        try await harness.database.write(
          keys[start..<min(start + 1_000, keys.count)].map { .put($0) })
      }
      let expected =
        ["b/"] + (0..<200).map { "c\(1_000 + $0)/" } + (0..<20).map { "d\(10 + $0)/" }
      for size in [7, 1_000] {
        #expect(try await harness.pages(of: size).joined().elementsEqual(expected))
        #expect(
          try await harness.pages(of: size, isReversed: true).joined()
            .elementsEqual(expected.reversed()))
      }
    },
    Case("Pages lead over thousands of deleted entries, whichever way the list goes") { harness in
      let keys = (0..<3_000).map { "m/\(10_000 + $0)" }
      try await harness.store("a")
      try await harness.store("z")
      for start in stride(from: 0, to: keys.count, by: 1_000) {
        let part = keys[start..<start + 1_000]
        try await harness.database.write(part.map { .put($0) })
        try await harness.database.write(part.map { .delete($0) })
      }
      for size in [1, 10] {
        #expect(try await harness.pages(of: size).joined().elementsEqual(["a", "z"]))
        #expect(
          try await harness.pages(of: size, isReversed: true).joined()
            .elementsEqual(["z", "a"]))
      }
    },
    Case("Lists of random keys are those of a simple model") { harness in
      try await ListModel(harness).check()
    },
  ]

  static let counting: [Case] = [
    Case("Live entries under a prefix are counted") { harness in
      for key in ["a", "a/1", "a/2", "a/3", "b", "a\u{10FFFF}", "\u{10FFFF}"] {
        try await harness.store(key, timeToLive: key == "a/3" ? 1 : nil)
      }
      try await harness.remove("a/2")
      try await harness.advance(seconds: 2)
      for (prefix, count) in [("", 5), ("a", 3), ("a/", 1), ("\u{10FFFF}", 1), ("c", 0)] {
        let found = try await harness.database.count(
          prefix: Array(prefix.utf8), within: .seconds(10))
        #expect(found == LiveCount(count, isAtLeast: false), "\(prefix)")
      }
      let none = try await harness.database.count(prefix: [0xFF, 0xFF], within: .seconds(10))
      #expect(none == LiveCount(0, isAtLeast: false))
    },
    Case("A count that has no time says that there may be more") { harness in
      for start in stride(from: 0, to: 3_000, by: 1_000) {
        try await harness.database.write((start..<start + 1_000).map { .put("k\($0)") })
      }
      let part = try await harness.database.count(prefix: [], within: .zero)
      #expect(part.isAtLeast && (1..<3_000).contains(part.count))
      let all = try await harness.database.count(prefix: [], within: .seconds(10))
      #expect(all == LiveCount(3_000, isAtLeast: false))
    },
    Case("Counts at the same time are all answered") { harness in
      try await harness.database.write((0..<500).map { .put("k\($0)") })
      try await harness.concurrently(8) { _, database in
        let found = try await database.count(prefix: Array("k1".utf8), within: .seconds(10))
        #expect(found == LiveCount(111, isAtLeast: false))
      }
    },
  ]
}

extension DatabaseHarness {
  /// Expects entries and prefixes on one page, and the same backwards.
  fileprivate func expect(
    _ prefix: String, _ delimiter: String, _ items: [String], _ prefixes: [String]
  ) async throws {
    var request = PageRequest(prefix: Array(prefix.utf8), delimiter: Array(delimiter.utf8))
    let page = try await database.list(request)
    #expect(page.items.map(\.metadata.key.text) == items, "\(prefix) \(delimiter)")
    #expect(page.prefixes.map(\.text) == prefixes, "\(prefix) \(delimiter)")
    request.isReversed = true
    let back = try await database.list(request)
    #expect(back.items.map(\.metadata.key.text) == items.reversed(), "\(prefix) \(delimiter)")
    #expect(back.prefixes.map(\.text) == prefixes.reversed(), "\(prefix) \(delimiter)")
    #expect(!page.hasMore && !back.hasMore)
  }

  /// The names on each page that is not empty, folded at slashes, in the order of the list.
  fileprivate func pages(of size: Int, isReversed: Bool = false) async throws -> [[String]] {
    var request = PageRequest(delimiter: [0x2F], isReversed: isReversed, entriesMax: size)
    var pages: [[String]] = []
    while true {
      let page = try await database.list(request)
      let names = (page.items.map(\.metadata.key) + page.prefixes).sorted().map(\.text)
      if !names.isEmpty { pages.append(isReversed ? names.reversed() : names) }
      guard let next = page.next else { return pages }
      request.after = next
    }
  }
}
