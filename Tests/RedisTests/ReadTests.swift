import EventLoop
import KeyValueStore
import TestServices
import TestSupport
import Testing

@testable import Redis

extension RedisServices {
  @Suite("The reads of a turn share a command", .timeLimit(.minutes(1)))
  struct ReadTests {
    @Test("Each of many readers gets what its key holds, and Redis few commands")
    func manyReads() async throws {
      let server = try RedisServer()
      try await CacheNode.with(server.configuration) { node in
        let revision = fresh()
        let names = (0..<200).map { "key \($0)" }
        for name in names.prefix(150) { #expect(await node.cache.update(name, revision)) }
        try server.command("CONFIG", "RESETSTAT")
        // A caller on the loop is not suspended before its read waits for the end of the turn.
        let answers = await withTaskGroup(of: (String, CacheAnswer).self) { group in
          for name in names {
            group.addTask(executorPreference: node.cache.loop.executor) {
              (name, await node.cache.find(Key(name)))
            }
          }
          return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for name in names.prefix(150) {
          #expect(answers[name] == .hit(.sample(name, revision)))
        }
        for name in names.suffix(50) {
          guard case .miss(.some)? = answers[name] else {
            Issue.record("no lease: \(name)")
            continue
          }
        }
        let reads = ["get", "mget"].map { calls(of: $0, in: statistics(of: server)) }
        #expect(reads[0] + reads[1] < 20, "\(reads)")
      }
    }

    private func statistics(of server: RedisServer) -> String {
      (try? server.command("INFO", "commandstats")) ?? ""
    }

    private func calls(of command: String, in statistics: String) -> Int {
      let line = statistics.split(whereSeparator: \.isNewline).first {
        $0.hasPrefix("cmdstat_\(command):calls=")
      }
      let digits = line?.split(separator: "=")[1].prefix { $0.isNumber } ?? "0"
      return Int(digits) ?? 0
    }
  }
}
