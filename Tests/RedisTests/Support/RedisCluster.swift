import Redis
import TestServices

/// A master, two replicas and three Sentinels.
final class RedisCluster {
  let servers: [RedisServer]
  let sentinels: [SentinelServer]

  init() async throws {
    let master = try RedisServer()
    servers = [master, try RedisServer(replicaOf: master), try RedisServer(replicaOf: master)]
    for replica in servers[1...] {
      try Polling.wait(for: "replication") {
        try replica.command("INFO", "replication").contains("master_link_status:up")
      }
    }
    var sentinels: [SentinelServer] = []
    for _ in 0..<3 { sentinels.append(try SentinelServer(watching: master)) }
    self.sentinels = sentinels
    for sentinel in sentinels {
      try Polling.wait(for: "Sentinels to know each other and the replicas") {
        let lines = try sentinel.command("SENTINEL", "MASTER", "mymaster").split(separator: "\n")
        func value(_ name: String) -> Substring? {
          lines.firstIndex { $0 == name }.map { lines[$0 + 1] }
        }
        return value("num-slaves") == "2" && value("num-other-sentinels") == "2"
      }
    }
  }

  var configuration: RedisConfiguration {
    RedisConfiguration(
      source: .sentinels(
        sentinels.map { HostAndPort(host: "127.0.0.1", port: $0.port) }, master: "mymaster"))
  }

  /// The server that the node uses.
  func server(of node: CacheNode) -> RedisServer? {
    servers.first { $0.port == node.master.address?.port }
  }

  /// Waits until a majority of the Sentinels has announced another master than `server`.
  func waitForAnotherMaster(than server: RedisServer) throws {
    try Polling.wait(for: "new master") {
      let others = try sentinels.filter { sentinel in
        let answer = try sentinel.command("SENTINEL", "MASTER", "mymaster")
          .split(separator: "\n")
        guard let index = answer.firstIndex(of: "port") else { return false }
        return answer[index + 1] != "\(server.port)"
      }
      return others.count >= 2
    }
  }
}
