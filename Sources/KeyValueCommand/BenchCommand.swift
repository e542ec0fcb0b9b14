internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient
internal import Synchronization

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measures for a few seconds how fast the store answers.",
    discussion: """
      It writes and reads keys of its own under kv-bench/, and deletes them. It is a first look: \
      `load-tests/run` measures a system under load.

      EXAMPLES:
        kv bench
        kv bench --seconds 10 --connections 32 --size 1000
      """)

  @Option(help: ArgumentHelp("For how long writes, then reads, are measured.", valueName: "n"))
  var seconds = 2

  @Option(help: ArgumentHelp("Connections at a time.", valueName: "n"))
  var connections = 8

  @Option(help: ArgumentHelp("Bytes of a value.", valueName: "n"))
  var size = 100

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard (1...60).contains(seconds) else { throw ValidationError("--seconds is 1 to 60.") }
    guard (1...64).contains(connections) else { throw ValidationError("--connections is 1 to 64.") }
    guard (0...(1 << 20)).contains(size) else { throw ValidationError("--size is 0 to 1048576.") }
  }

  func run() async throws {
    var configuration = try server.configuration()
    configuration.repetitionsMax = 0
    let prefix = "kv-bench/\(UUID().uuidString)/"
    let value = [UInt8](repeating: UInt8(ascii: "x"), count: size)
    // How many keys each connection has written.
    let written = Mutex([Int](repeating: 1, count: connections))
    try await measure("put", configuration) { client, connection, number in
      var request = ClientRequest.entry("PUT", "\(prefix)\(connection)/\(number % 100)")
      // Should the deletion not come to pass, they go by themselves.
      request.query("ttl", "600")
      request.body = value
      _ = try await client.send(request)
      written.withLock { $0[connection] = min(number + 1, 100) }
    }
    try await measure("get", configuration) { client, connection, number in
      let key = number % written.withLock { $0[connection] }
      _ = try await client.send(ClientRequest.entry("GET", "\(prefix)\(connection)/\(key)"))
    }
    var cleaning = ClientRequest("DELETE", "/kv", repetition: .ifNothingWasDone)
    cleaning.query("prefix", prefix)
    cleaning.query("limit", "10000")
    _ = try? await StoreClient(configuration).send(cleaning)
  }

  private func measure(
    _ name: String, _ configuration: ClientConfiguration,
    _ send: @escaping @Sendable (StoreClient, Int, Int) async throws -> Void
  ) async throws {
    let start = MonotonicTime.now()
    let end = start.adding(.seconds(seconds))
    let times = try await withThrowingTaskGroup(of: [Int64].self) { group in
      for connection in 0..<connections {
        group.addTask {
          let client = StoreClient(configuration)
          var times: [Int64] = []
          var last = MonotonicTime.now()
          repeat {
            try await send(client, connection, times.count)
            let now = MonotonicTime.now()
            times.append(last.duration(to: now).nanoseconds)
            last = now
          } while last < end
          return times
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    let taken = start.duration(to: .now())
    try show(name, times.sorted(), taken)
  }

  private func show(_ name: String, _ times: [Int64], _ taken: Duration) throws {
    guard !times.isEmpty else { return }
    let rate = Int64(Double(times.count) / taken.seconds)
    let median = times[times.count / 2] / 1_000
    let tail = times[times.count * 99 / 100] / 1_000
    guard output.isJSON else {
      return try Terminal.line(
        "\(name): \(rate) a second; half within \(median) µs, 99 % within \(tail) µs")
    }
    try Terminal.line(
      "{\"operation\":\"\(name)\",\"per_second\":\(rate),\"p50_us\":\(median),\"p99_us\":\(tail)}")
  }
}
