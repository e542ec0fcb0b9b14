import EventLoop
import Testing

@Suite("Host names are looked up", .timeLimit(.minutes(1)))
struct HostLookupTests {
  private func look(up host: String, within duration: Duration = .seconds(30)) async -> [String] {
    await HostLookup.addresses(of: host, within: duration)
  }

  @Test("An address is its own", arguments: ["127.0.0.1", "::1", "2001:db8::1"])
  func numeric(_ address: String) async {
    #expect(HostLookup.isNumeric(address))
    #expect(await look(up: address, within: .zero) == [address])
  }

  @Test("This machine has a loopback address")
  func localhost() async {
    let addresses = await look(up: "localhost")
    #expect(!addresses.isEmpty)
    #expect(addresses.allSatisfy { $0.hasPrefix("127.") || $0 == "::1" })
  }

  @Test("A name that does not exist has none")
  func unknown() async { #expect(await look(up: "no-such-host.invalid") == []) }

  @Test("All who ask for a name at once are answered")
  func together() async {
    await withTaskGroup(of: [String].self) { group in
      for _ in 0..<50 { group.addTask { await look(up: "localhost") } }
      for await addresses in group { #expect(!addresses.isEmpty) }
    }
  }

  @Test("Who is cancelled waits no longer")
  func cancelled() async {
    let task = Task { await look(up: "localhost") }
    task.cancel()
    // Either it was faster, or it was cancelled; but it has ended.
    _ = await task.value
    let late = Task {
      while !Task.isCancelled { await Task.yield() }
      return await look(up: "localhost")
    }
    late.cancel()
    #expect(await late.value == [])
  }
}
