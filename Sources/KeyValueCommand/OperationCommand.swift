internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient

struct OperationCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "op", abstract: "Tells what became of a queued write.",
    discussion: """
      Prints queued, applied, superseded (something newer had been written), precondition_failed \
      or failed.

      EXAMPLES:
        id=$(kv put --async greeting Hello)
        kv op "$id"
        kv op --wait 30s "$id"
      """)

  @Argument(help: "The operation, as `put --async` prints it.") var operation: String

  @Option(help: ArgumentHelp("Wait until it is decided, at most this long.", valueName: "time"))
  var wait: TimeSpan?

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  private struct Record: Decodable { let status: String }

  func run() async throws {
    let client = try server.client()
    var target = Array("/operations/".utf8)
    target.append(percentEncoding: operation.utf8)
    let request = ClientRequest("GET", String(decoding: target, as: UTF8.self))
    let deadline = MonotonicTime.now().adding(.seconds(wait?.seconds ?? 0))
    var backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
    while true {
      let answer = try await client.send(request)
      let record: Record = try client.decode(answer)
      let isOver = MonotonicTime.now() >= deadline
      guard record.status != "queued" || isOver else {
        try? await Task.sleep(for: backoff.next())
        continue
      }
      if output.isJSON {
        try Terminal.write(answer.body + [0x0A])
      } else {
        try Terminal.line(record.status)
      }
      return try Self.end(as: record.status, hasWaited: wait != nil)
    }
  }

  private static func end(as status: String, hasWaited: Bool) throws {
    switch status {
    case "precondition_failed", "superseded": throw Failure(.conditionFailed, "")
    case "failed": throw Failure(.failure, "")
    case "queued" where hasWaited: throw Failure(.unavailable, "it is still queued")
    default: break
    }
  }
}
