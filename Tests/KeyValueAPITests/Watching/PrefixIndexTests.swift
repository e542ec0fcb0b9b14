import TestSupport
import Testing

@testable import KeyValueAPI

@Suite("The index of prefixes")
struct PrefixIndexTests {
  private final class Member {
    let prefix: [UInt8]

    init(_ prefix: String) { self.prefix = Array(prefix.utf8) }
  }

  private func found(_ key: String, in index: PrefixIndex<Member>) -> [String] {
    var prefixes: [String] = []
    index.forEach(matching: Array(key.utf8)) {
      prefixes.append(String(decoding: $0.prefix, as: UTF8.self))
    }
    return prefixes.sorted()
  }

  @Test("A key finds every prefix that it begins with, and no other")
  func matching() {
    var index = PrefixIndex<Member>()
    #expect(found("a", in: index) == [] && index.isEmpty)
    for prefix in ["a/b/", "", "b", "a/", "a/b/c", "a/c", "a/b/"] {
      index.insert(Member(prefix), prefix: Array(prefix.utf8))
    }
    #expect(index.count == 7)
    #expect(found("a/b/c/d", in: index) == ["", "a/", "a/b/", "a/b/", "a/b/c"])
    #expect(found("a/b/b", in: index) == ["", "a/", "a/b/", "a/b/"])
    #expect(found("a/", in: index) == ["", "a/"])
    #expect(found("a", in: index) == [""])
    #expect(found("b/x", in: index) == ["", "b"])
    #expect(found("c", in: index) == [""])
    var all = 0
    index.forEach { _ in all += 1 }
    #expect(all == 7)
  }

  @Test("It agrees with a list, whatever comes and goes")
  func random() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    var index = PrefixIndex<Member>()
    var members: [Member] = []
    func text(_ random: inout SeededGenerator) -> String {
      String(
        (0..<Int.random(in: 0...5, using: &random)).map { _ in "ab/".randomElement(using: &random)!
        })
    }
    for _ in 0..<3_000 {
      if members.isEmpty || Bool.random(using: &random) {
        members.append(Member(text(&random)))
        index.insert(members[members.count - 1], prefix: members[members.count - 1].prefix)
      } else {
        let member = members.remove(at: Int.random(in: 0..<members.count, using: &random))
        index.remove(member, prefix: member.prefix)
        // One that has gone already, and one that never came.
        index.remove(member, prefix: member.prefix)
        index.remove(Member("a"), prefix: [0x61])
      }
      let key = text(&random)
      let expected = members.map { String(decoding: $0.prefix, as: UTF8.self) }
        .filter { key.hasPrefix($0) || $0.isEmpty }.sorted()
      #expect(found(key, in: index) == expected, "seed \(seed)")
      #expect(index.count == members.count)
    }
  }
}
