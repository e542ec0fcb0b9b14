import EventLoop
import Testing

@Suite("Host names are looked up", .timeLimit(.minutes(1)))
struct HostLookupTests {
  private func addresses(of host: String, within duration: Duration = .seconds(30)) async
    -> [String]
  {
    await HostLookup.addresses(of: host, within: duration)
  }

  @Test("An address is its own", arguments: ["127.0.0.1", "::1", "2001:db8::1"])
  func numeric(_ address: String) async {
    #expect(HostLookup.isNumeric(address))
    #expect(await addresses(of: address, within: .zero) == [address])
  }

  @Test("This machine has a loopback address")
  func localhost() async {
    let addresses = await addresses(of: "localhost")
    #expect(!addresses.isEmpty)
    #expect(addresses.allSatisfy { $0.hasPrefix("127.") || $0 == "::1" })
  }

  @Test("A name that does not exist has none")
  func unknown() async { #expect(await addresses(of: "no-such-host.invalid") == []) }

  @Test("All tasks that ask for a name at once are answered")
  func together() async {
    await withTaskGroup(of: [String].self) { group in
      for _ in 0..<50 { group.addTask { await addresses(of: "localhost") } }
      for await addresses in group { #expect(!addresses.isEmpty) }
    }
  }

  @Test("A cancelled task does not wait any longer")
  func cancelled() async {
    let task = Task { await addresses(of: "localhost") }
    task.cancel()
    // Whether it got an answer or was cancelled, it has ended.
    _ = await task.value
    let late = Task {
      while !Task.isCancelled { await Task.yield() }
      return await addresses(of: "localhost")
    }
    late.cancel()
    #expect(await late.value == [])
  }
}
