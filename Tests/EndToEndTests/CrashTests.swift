import Foundation
import Synchronization
import TestSupport
import Testing

extension EndToEndTests {
  @Suite("kill -9 under load")
  struct CrashTests {
    private static let rounds = 20

    @Test("Twenty crashes in a row lose no acknowledged write, invent none, and tear no batch")
    func crashes() throws {
      let data = try TemporaryFolder.make()
      let seed = UInt64.random(in: .min ... .max)
      var random = SeededGenerator(seed: seed)
      var writers = (0..<8).map { Writer(number: $0) }
      for round in 1...Self.rounds {
        let server = try Server.running(data: data)
        for writer in writers { try writer.verify(on: server.connect(), context: "seed \(seed)") }
        let acknowledged = Acknowledgements(target: Int.random(in: 50...1_000, using: &random))
        writers = Self.write(writers, to: server, until: acknowledged)
        #expect(acknowledged.isReached, "round \(round), seed \(seed): the writers gave up early")
      }
      let server = try Server.running(data: data)
      for writer in writers { try writer.verify(on: server.connect(), context: "seed \(seed)") }
    }

    /// Lets all writers write at once and kills the server when enough is acknowledged. Returns the
    /// writers with what they know.
    private static func write(
      _ writers: [Writer], to server: Server, until acknowledged: Acknowledgements
    ) -> [Writer] {
      let results = Mutex<[Writer]>([])
      let group = DispatchGroup()
      let port = server.port
      for writer in writers {
        group.enter()
        Thread {
          var writer = writer
          writer.writeUntilCut(port: port, acknowledged: acknowledged)
          results.withLock { $0.append(writer) }
          group.leave()
        }.start()
      }
      acknowledged.wait()
      server.kill()
      group.wait()
      return results.withLock { $0.sorted { $0.number < $1.number } }
    }
  }
}

/// Counts acknowledged writes and signals when there are enough.
private final class Acknowledgements: Sendable {
  private let remaining: Mutex<Int>
  private let enough = DispatchSemaphore(value: 0)

  init(target: Int) { remaining = Mutex(target) }

  var isReached: Bool { remaining.withLock { $0 <= 0 } }

  func count() {
    let isLast = remaining.withLock { rest in
      rest -= 1
      return rest == 0
    }
    if isLast { enough.signal() }
  }

  func wait() { _ = enough.wait(timeout: .now() + patience) }
}

/// Writes growing numbers to keys of its own, and remembers the last that was acknowledged.
private struct Writer: Sendable {
  let number: Int
  // The last number of each key that was acknowledged, and the last that was sent.
  private var acknowledged: [String: Int] = [:]
  private var sent: [String: Int] = [:]
  private var count = 0

  init(number: Int) { self.number = number }

  private var key: String { "crash/\(number)/\(count % 50)" }
  private var pair: [String] { ["crash/\(number)/left", "crash/\(number)/right"] }

  /// Writes until the connection breaks. Every fourth writer writes pairs in atomic batches, and
  /// every other one writes asynchronously: a 202 promises as much as a 200.
  mutating func writeUntilCut(port: UInt16, acknowledged counter: Acknowledgements) {
    guard let connection = try? Connection(port: port) else { return }
    while true {
      count += 1
      let keys = number % 4 == 3 ? pair : [key]
      for key in keys { sent[key] = count }
      guard let status = try? write(keys, on: connection), (200..<300).contains(status) else {
        return
      }
      for key in keys { acknowledged[key] = count }
      counter.count()
    }
  }

  private func write(_ keys: [String], on connection: Connection) throws -> Int {
    guard keys.count > 1 else {
      let fields = number % 2 == 0 ? [:] : ["Prefer": "respond-async"]
      return try connection.request("PUT", "/kv/\(keys[0])", body: "\(count)", fields: fields)
        .status
    }
    let operations = keys.map { #"{"op":"put","key":"\#($0)","value":"\#(count)"}"# }
    let body = #"{"atomic":true,"operations":[\#(operations.joined(separator: ","))]}"#
    let answer = try connection.request(
      "POST", "/batch", body: body, fields: ["Content-Type": "application/json"])
    return answer.status
  }

  func verify(on connection: Connection, context: String) throws {
    for (key, last) in sent {
      let answer = try connection.request("GET", "/kv/\(key)")
      let floor = acknowledged[key] ?? 0
      let stored = answer.status == 404 ? 0 : Int(answer.body) ?? -1
      #expect(
        floor <= stored && stored <= last,
        "\(key) holds \(stored), not between \(floor) and \(last); \(context)")
    }
    guard number % 4 == 3 else { return }
    let values = try pair.map { try connection.request("GET", "/kv/\($0)").body }
    #expect(values[0] == values[1], "an atomic batch was torn; \(context)")
  }
}
