internal import ArgumentParser
internal import Basics
internal import KeyValueClient

struct GetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Prints the value of a key, byte for byte.",
    discussion: """
      EXAMPLES:
        kv get greeting
        kv get photo > photo.jpg
        kv get --json greeting | jq .revision
        kv get --fresh account/a        # from the database, not from a cache
      """)

  @Argument(help: "The key.") var key: String

  @Flag(name: .customLong("fresh"), help: "Read from the database: nothing newer exists.")
  var isFresh = false

  @Flag(name: .customLong("force"), help: "Write to a terminal also what is no text.")
  var isForced = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func run() async throws {
    let client = try server.client()
    if output.isJSON {
      // With all of its metadata, read from the database.
      var writer = JSONWriter()
      try await client.entry(key).write(to: &writer)
      return try Terminal.write(writer.bytes + [0x0A])
    }
    var request = ClientRequest.entry("GET", key)
    if isFresh { request.set("Cache-Control", "no-cache") }
    let answer = try await client.send(request)
    guard Terminal.Stream.output.isTerminal else { return try Terminal.write(answer.body) }
    guard isForced || Terminal.isShowable(answer.body) else {
      throw Failure(
        .failure,
        "the value is no text (\(answer.body.count) bytes, \(answer.head["content-type"] ?? "")): "
          + "write it to a file with >, or use --force")
    }
    try Terminal.write(answer.body)
    // The prompt of the shell begins a line of its own.
    if answer.body.last != 0x0A { try Terminal.line("") }
  }
}
