import KeyValueStore
import TestSupport
import Testing

extension DatabaseContract {
  static let listing: [Case] = [
    Case("Entries are listed in byte order of their keys, with metadata and without values") {
      harness in
      let keys = ["b", "a", "aa", "a/", "é", "z", "A", "日本", "~", "aé", "\u{10FFFF}"]
      var stored: [Key: Metadata] = [:]
      for key in keys { stored[Key(key)] = try await harness.store(key, "v-\(key)") }
      let page = try await harness.database.list(PageRequest())
      #expect(page.items.map(\.metadata.key) == keys.map { Key($0) }.sorted())
      #expect(page.items.allSatisfy { $0.value == nil && stored[$0.metadata.key] == $0.metadata })
      #expect(!page.hasMore)
    },
    Case("Values are listed when asked for, an empty one as empty") { harness in
      try await harness.store("a", "one")
      try await harness.store("b", "")
      let page = try await harness.database.list(PageRequest(includesValues: true))
      #expect(page.items.map(\.value) == [Array("one".utf8), []])
    },
    Case("A prefix selects the keys that start with its bytes, and no others") { harness in
      for key in ["a", "ab", "abc", "b", "aé", "aÿ", "a\u{10FFFF}", "a\u{10FFFF}z", "\u{10FFFF}"] {
        try await harness.store(key)
      }
      #expect(try await harness.keys("ab") == ["ab", "abc"])
      #expect(try await harness.keys("abc") == ["abc"])
      #expect(try await harness.keys("abcd") == [])
      #expect(try await harness.keys("b") == ["b"])
      #expect(
        try await harness.keys("a")
          == ["a", "ab", "abc", "aé", "aÿ", "a\u{10FFFF}", "a\u{10FFFF}z"])
      #expect(try await harness.keys("a\u{10FFFF}") == ["a\u{10FFFF}", "a\u{10FFFF}z"])
      #expect(try await harness.keys("").count == 9)
      // Half a character: the first byte of é and ÿ.
      #expect(try await harness.keys(bytes: [0x61, 0xC3]) == ["aé", "aÿ"])
      // No key can have these bytes, but a prefix can.
      #expect(try await harness.keys(bytes: [0x61, 0xFF]) == [])
      #expect(try await harness.keys(bytes: [0xFF]) == [])
      #expect(try await harness.keys(bytes: [0xFF, 0xFF]) == [])
    },
    Case("A prefix is bytes, not a pattern") { harness in
      for key in ["%", "%a", "_", "_a", "xa", "*", "\\", "'"] { try await harness.store(key) }
      #expect(try await harness.keys("%") == ["%", "%a"])
      #expect(try await harness.keys("_") == ["_", "_a"])
      #expect(try await harness.keys("*") == ["*"])
      #expect(try await harness.keys("\\") == ["\\"])
      #expect(try await harness.keys("'") == ["'"])
    },
    Case("A page follows the last key of the one before, even if that key is gone") { harness in
      let keys = (0..<10).map { "k\($0)" }
      for key in keys { try await harness.store(key) }
      var request = PageRequest(entriesMax: 4)
      let first = try await harness.database.list(request)
      #expect(first.hasMore && first.items.map(\.metadata.key.text) == Array(keys[0..<4]))
      request.after = first.next
      try await harness.remove("k3")
      let second = try await harness.database.list(request)
      #expect(second.hasMore && second.items.map(\.metadata.key.text) == Array(keys[4..<8]))
      request.after = second.next
      let third = try await harness.database.list(request)
      #expect(!third.hasMore && third.items.map(\.metadata.key.text) == Array(keys[8..<10]))
      request.after = .after(Key(keys[9]))
      let fourth = try await harness.database.list(request)
      #expect(!fourth.hasMore && fourth.items.isEmpty)
    },
    Case("A last page that is exactly full has no successor") { harness in
      for number in 0..<4 { try await harness.store("k\(number)") }
      // Neither of these two is live.
      try await harness.store("k4")
      try await harness.remove("k4")
      try await harness.store("k5", timeToLive: 1)
      try await harness.advance(seconds: 2)
      let page = try await harness.database.list(PageRequest(entriesMax: 4))
      #expect(page.items.count == 4 && !page.hasMore)
      let shorter = try await harness.database.list(PageRequest(entriesMax: 3))
      #expect(shorter.items.count == 3 && shorter.hasMore)
    },
    Case("Deleted and expired entries are hidden before, between and after others") { harness in
      for key in ["a", "b", "c", "d", "e"] {
        try await harness.store(key, timeToLive: key == "c" || key == "e" ? 1 : nil)
      }
      try await harness.remove("a")
      try await harness.advance(seconds: 2)
      #expect(try await harness.keys("") == ["b", "d"])
    },
    Case("A cursor before, inside and after the prefix") { harness in
      for key in ["a1", "b1", "b2", "b3", "c1"] { try await harness.store(key) }
      #expect(try await harness.keys("b", after: "a") == ["b1", "b2", "b3"])
      #expect(try await harness.keys("b", after: "b1") == ["b2", "b3"])
      #expect(try await harness.keys("b", after: "b1x") == ["b2", "b3"])
      #expect(try await harness.keys("b", after: "b3") == [])
      #expect(try await harness.keys("b", after: "c") == [])
    },
    Case("A list can begin at a key, whether it is there or not") { harness in
      for key in ["a1", "b1", "b2", "b3", "c1"] { try await harness.store(key) }
      for (key, listed) in [("a", 3), ("b2", 2), ("b1x", 2), ("b3", 1), ("b3x", 0), ("c", 0)] {
        let request = PageRequest(prefix: Array("b".utf8), after: .from(Key(key)))
        #expect(try await harness.database.list(request).items.count == listed, "\(key)")
      }
    },
    Case("A page ends before its values exceed the bound; a first value may exceed it") { harness in
      for (key, count) in [("a", 100), ("b", 60), ("c", 40), ("d", 1)] {
        try await harness.store(key, String(repeating: "x", count: count))
      }
      var request = PageRequest(includesValues: true, valueBytesMax: 100)
      var pages: [[String]] = []
      while true {
        let page = try await harness.database.list(request)
        pages.append(page.items.map(\.metadata.key.text))
        request.after = page.next
        if !page.hasMore { break }
      }
      #expect(pages == [["a"], ["b", "c"], ["d"]])
      let tiny = PageRequest(includesValues: true, valueBytesMax: 1)
      let page = try await harness.database.list(tiny)
      #expect(page.items.count == 1 && page.hasMore)
      // Without values, their bytes do not count.
      let all = try await harness.database.list(PageRequest(valueBytesMax: 1))
      #expect(all.items.count == 4 && !all.hasMore)
    },
    Case("Pages of 1,000 and of 1 cover the same keys") { harness in
      let keys = (0..<1_200).map { "k\(10_000 + $0)" }
      _ = try await harness.database.write(keys.map { .put($0) })
      for entriesMax in [1_000, 1] {
        var request = PageRequest(prefix: Array("k11".utf8), entriesMax: entriesMax)
        var listed: [String] = []
        while true {
          let page = try await harness.database.list(request)
          listed += page.items.map(\.metadata.key.text)
          request.after = page.next
          if !page.hasMore { break }
        }
        #expect(listed == keys.filter { $0.hasPrefix("k11") })
      }
    },
  ]
}

extension DatabaseHarness {
  fileprivate func keys(_ prefix: String, after: String? = nil) async throws -> [String] {
    try await keys(bytes: Array(prefix.utf8), after: after)
  }

  fileprivate func keys(bytes: [UInt8], after: String? = nil) async throws -> [String] {
    let request = PageRequest(prefix: bytes, after: after.map { .after(Key($0)) })
    return try await database.list(request).items.map(\.metadata.key.text)
  }
}
