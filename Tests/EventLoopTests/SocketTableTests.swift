import Testing

@testable import EventLoop

struct SocketTableTests {
  @Test("The token of a closed socket finds nothing, even when its place is used again")
  func staleToken() async throws {
    try await LoopFixture.with(.dispatch) { fixture in
      let table = SocketTable()
      let first = SocketPair(on: fixture.loop)
      let second = SocketPair(on: fixture.loop)
      let stale = table.insert(first.near)
      table.remove(stale)
      let token = table.insert(second.near)
      #expect(token != stale)
      #expect(token & 0xFFFF_FFFF == stale & 0xFFFF_FFFF)
      #expect(table[stale] == nil)
      #expect(table[token] === second.near)
      for pair in [first, second] {
        pair.near.close()
        pair.closeFar()
      }
    }
  }
}
