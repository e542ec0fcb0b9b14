internal import ArgumentParser
internal import FoundationEssentials
internal import KeyValueClient

struct PutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Stores a value, and prints its revision.",
    discussion: """
      Without VALUE and --file, the value is the standard input.

      EXAMPLES:
        kv put greeting Hello
        kv put --file photo.jpg --type image/jpeg photo
        tar c folder | kv put backup/folder
        kv put --ttl 15m session/1 "$user"
        kv put --if-none-match '*' config/a 1    # only if there is none
        kv put --if-match "$revision" config/a 2 # only if nobody has changed it
      """)

  @Argument(help: "The key.") var key: String
  @Argument(help: "The value.") var value: String?

  @Option(help: "The file that holds the value; - for the standard input.", completion: .file())
  var file: String?

  @Option(help: ArgumentHelp("Expire after this time: 90, 90s, 15m, 2h, 7d.", valueName: "time"))
  var ttl: TimeSpan?

  @Option(help: ArgumentHelp("The content type.", valueName: "type"))
  var type: String?

  @OptionGroup var conditions: ConditionOptions
  @OptionGroup var write: WriteOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard value == nil || file == nil else {
      throw ValidationError("Give the value or --file, not both.")
    }
  }

  func run() async throws {
    let client = try server.client()
    var request = ClientRequest.entry("PUT", key)
    if let ttl { request.query("ttl", String(ttl.seconds)) }
    if let type { request.set("Content-Type", try Self.checked(type)) }
    try conditions.apply(to: &request)
    write.apply(to: &request)
    request.body = try bytes()
    try WriteReport.print(try await client.send(request), isJSON: output.isJSON)
  }

  private func bytes() throws -> [UInt8] {
    if let value { return Array(value.utf8) }
    if (file ?? "-") == "-", Terminal.Stream.input.isTerminal {
      Terminal.note("Type the value; Ctrl-D at the start of a line ends it.")
    }
    return try Terminal.readAll(try Terminal.open(file ?? "-"))
  }

  /// A header field has one line.
  static func checked(_ type: String) throws -> String {
    guard !type.isEmpty, type.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      throw Failure(.usage, "\(type) is no content type, as text/plain")
    }
    return type
  }
}

/// What a write has done.
enum WriteReport {
  /// Prints the revision, or the operation of a write that was queued.
  static func print(_ answer: Answer, isJSON: Bool) throws {
    if isJSON {
      if !answer.body.isEmpty { try Terminal.write(answer.body + [0x0A]) }
      return
    }
    guard answer.status == 202 else {
      if let revision = answer.revision { try Terminal.line(String(revision)) }
      return
    }
    let operation = answer.head["location"]?.split(separator: "/").last.map { String($0) } ?? ""
    Terminal.note("Queued: `kv op \(operation)` tells what became of it.")
    try Terminal.line(operation)
  }
}
