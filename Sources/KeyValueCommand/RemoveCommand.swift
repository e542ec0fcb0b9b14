internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient

struct RemoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Deletes keys, or all keys with a prefix.",
    discussion: """
      Of several keys, all that can be deleted are; the exit code is that of the first that \
      could not.

      EXAMPLES:
        kv rm greeting
        kv rm --if-match "$revision" config/a
        kv rm --prefix session/          # counts them, and asks first
        kv rm --prefix --yes session/
      """)

  @Argument(help: "The keys, or with --prefix the prefixes.") var keys: [String]

  @Flag(name: .customLong("prefix"), help: "Delete every key that begins so. Asks first.")
  var isPrefix = false

  @Flag(name: .shortAndLong, help: "Do not ask.")
  var yes = false

  @OptionGroup var conditions: ConditionOptions
  @OptionGroup var write: WriteOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard isPrefix else { return }
    guard conditions.ifMatch == nil, conditions.ifNoneMatch == nil, !write.isAsync else {
      throw ValidationError("--prefix takes no condition and no --async.")
    }
    guard !keys.contains("") else { throw ValidationError("An empty prefix would mean all keys.") }
  }

  func run() async throws {
    let client = try server.client()
    var reason: ExitReason?
    for key in keys {
      do {
        try await isPrefix ? removeAll(key, client) : remove(key, client)
      } catch ClientError.refused(let problem) where [404, 412].contains(problem.status) {
        let error = ClientError.refused(problem)
        Terminal.note("kv: \(Terminal.visible(key)): \(error.message)")
        reason = reason ?? ExitReason.of(error)
      }
    }
    if let reason { throw Failure(reason, "") }
  }

  private func remove(_ key: String, _ client: StoreClient) async throws {
    var request = ClientRequest.entry("DELETE", key)
    try conditions.apply(to: &request)
    write.apply(to: &request)
    let answer = try await client.send(request)
    if answer.status == 202 { try WriteReport.print(answer, isJSON: output.isJSON) }
  }

  private struct Report: Decodable {
    let deleted: Int
    /// Where to go on, unless all are deleted.
    let nextCursor: String?

    private enum CodingKeys: String, CodingKey {
      case deleted
      case nextCursor = "next_cursor"
    }
  }

  private func removeAll(_ prefix: String, _ client: StoreClient) async throws {
    if !yes {
      guard Terminal.Stream.input.isTerminal else {
        throw Failure(.usage, "there is nobody to ask: say --yes to delete all of \(prefix)")
      }
      let keys = try await KeyCount.of(prefix: prefix, client).text
      guard Terminal.confirms("Delete \(keys) that begin with \(Terminal.visible(prefix))?") else {
        throw Failure(.failure, "nothing was deleted")
      }
    }
    var deleted = 0
    var cursor: String?
    repeat {
      var request = ClientRequest("DELETE", "/kv", repetition: .ifNothingWasDone)
      request.query("prefix", prefix)
      request.query("limit", "10000")
      if let cursor { request.query("cursor", cursor) }
      let report: Report
      do throws(ClientError) {
        report = try client.decode(try await client.send(request))
      } catch {
        if deleted > 0 { Terminal.note("\(deleted) keys were deleted before this happened:") }
        throw error
      }
      deleted += report.deleted
      cursor = report.nextCursor
      Terminal.progress("\(deleted) keys deleted")
    } while cursor != nil
    Terminal.progress("")
    try Terminal.line(output.isJSON ? "{\"deleted\":\(deleted)}" : "\(deleted)")
  }
}

/// How many keys there are.
struct KeyCount: Decodable {
  let count: Int
  let isLeast: Bool?

  private enum CodingKeys: String, CodingKey {
    case count
    case isLeast = "at_least"
  }

  static func of(prefix: String, _ client: StoreClient) async throws -> KeyCount {
    var request = ClientRequest("GET", "/kv")
    request.query("count", "true")
    if !prefix.isEmpty { request.query("prefix", prefix) }
    return try client.decode(try await client.send(request))
  }

  var text: String {
    "\(isLeast == true ? "at least " : "")\(count) \(count == 1 ? "key" : "keys")"
  }
}
