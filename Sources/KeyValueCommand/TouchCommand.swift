internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient

struct TouchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "touch", abstract: "Changes the expiry or the type of a key, not its value.",
    discussion: """
      Prints the new revision, which grows in any case.

      EXAMPLES:
        kv touch --ttl 15m session/1
        kv touch --no-ttl session/1     # it no longer expires
        kv touch --type application/json config/a
      """)

  @Argument(help: "The key.") var key: String
  @OptionGroup var changes: ChangeOptions

  @Flag(name: .customLong("no-ttl"), help: "Let it never expire.")
  var isForEver = false

  @OptionGroup var conditions: ConditionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard !isForEver || changes.ttl == nil else {
      throw ValidationError("Give --ttl or --no-ttl, not both.")
    }
  }

  func run() async throws {
    let client = try server.client()
    var request = try changes.request(for: key) { writer in
      guard isForEver else { return }
      writer.name("ttl")
      writer.null()
    }
    try conditions.apply(to: &request)
    try WriteReport.print(try await client.send(request), isJSON: output.isJSON)
  }
}

struct AddCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Adds to a key that holds a whole number, and prints the sum.",
    discussion: """
      A key that does not exist counts as 0. Every addition counts once.

      EXAMPLES:
        kv add visits
        kv add stock/7 -- -3
        kv add --ttl 60 "requests/$user"  # a rate limit: the number within a minute
      """)

  @Argument(help: "The key.") var key: String
  @Argument(help: "What to add; a negative number needs -- before it.") var amount: Int64 = 1
  @OptionGroup var changes: ChangeOptions
  @OptionGroup var conditions: ConditionOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  private struct Sum: Decodable { let value: Int64 }

  func run() async throws {
    let client = try server.client()
    var request = try changes.request(for: key) { writer in
      writer.name("add")
      writer.number(amount)
    }
    try conditions.apply(to: &request)
    let answer = try await client.send(request)
    if output.isJSON { return try Terminal.write(answer.body + [0x0A]) }
    let sum: Sum = try client.decode(answer)
    try Terminal.line(String(sum.value))
  }
}

/// What a PATCH may change beside the value.
struct ChangeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Expire after this time: 90, 90s, 15m, 2h, 7d.", valueName: "time"))
  var ttl: TimeSpan?

  @Option(help: ArgumentHelp("The new content type.", valueName: "type"))
  var type: String?

  /// The PATCH; `others` writes its other members.
  func request(
    for key: String, _ others: (inout JSONWriter) -> Void
  ) throws -> ClientRequest {
    var writer = JSONWriter()
    writer.beginObject()
    others(&writer)
    if let ttl {
      writer.name("ttl")
      writer.number(ttl.seconds)
    }
    if let type {
      writer.name("content_type")
      writer.string(try PutCommand.checked(type))
    }
    writer.endObject()
    var request = ClientRequest.entry("PATCH", key)
    request.set("Content-Type", "application/merge-patch+json")
    request.body = writer.bytes
    request.identify()
    return request
  }
}
