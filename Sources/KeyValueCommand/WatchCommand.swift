internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient
internal import Synchronization

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Prints changes as they happen.",
    discussion: """
      A line for each change: put, delete or expire, the revision and the key. A connection that \
      breaks is made again, and nothing is missed; a change may come twice, with the same \
      revision, and after a crash an older one may come late. With --exec, a command is run for \
      each change, one after the other, but for those that are not newer than one that it was run \
      for: KV_EVENT, KV_KEY, KV_REVISION and KV_POSITION tell which, and its standard input is \
      the change as JSON.

      EXAMPLES:
        kv watch config/
        kv watch --json --values config/ | jq .
        kv watch --exec 'echo "$KV_KEY changed"; systemctl reload app' config/
        kv watch --after "$position" config/    # from an earlier position on
      """)

  @Argument(help: "Only keys that begin so.") var prefix = ""

  @Option(help: ArgumentHelp("Run this in a shell for each change.", valueName: "command"))
  var exec: String?

  @Option(help: ArgumentHelp("Begin after this position.", valueName: "position"))
  var after: String?

  @Option(help: ArgumentHelp("End after so many changes.", valueName: "n"))
  var count: Int?

  @Flag(name: .customLong("values"), help: "With --json or --exec: the values, too.")
  var includesValues = false

  @Flag(name: .customLong("stop-on-error"), help: "End when the command of --exec fails.")
  var stopsOnError = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard count.map({ $0 > 0 }) ?? true else { throw ValidationError("--count is 1 or more.") }
    guard
      after.map({ text in !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) } })
        ?? true
    else { throw ValidationError("--after is a position, as the JSON of a change has it.") }
    guard !stopsOnError || exec != nil else {
      throw ValidationError("--stop-on-error needs --exec.")
    }
    guard !includesValues || exec != nil || output.isJSON else {
      throw ValidationError("--values needs --json or --exec.")
    }
  }

  func run() async throws {
    let client = try server.client()
    var watch = ChangeWatch(after: after)
    watch.prefix = prefix
    watch.includesValues = includesValues
    watch.firstFailuresMax = server.retries
    let position = Mutex(after)
    do {
      try await EndSignals.end(saying: {
        position.withLock { $0 }.map { "Stopped after the position \($0)" }
      }) {
        try await follow(&watch, client) { id in position.withLock { $0 = id } }
      }
    } catch ClientError.refused(let problem) where problem.status == 410 {
      throw Failure(
        .positionGone,
        """
        changes after the position \(watch.position ?? "") can't be seen any more: the server has \
        dropped them, was restarted without a cluster, or was restored. Begin again without \
        --after, and list the keys (`kv ls`) once the watch has begun.
        """)
    }
  }

  private func follow(
    _ watch: inout ChangeWatch, _ client: StoreClient, _ handled: (String?) -> Void
  ) async throws {
    var seen = 0
    var newest: [String: Int64] = [:]
    var failure: (any Error)?
    var hasBegun = false
    try await watch.run(client) { notice in
      switch notice {
      case .connected:
        Terminal.note(hasBegun ? "Connected again." : "Following changes.")
        hasBegun = true
      case .interrupted(let why, let pause):
        Terminal.note("\(why): connecting again in \(pause.milliseconds) ms")
      }
    } _: { (event) async throws(ClientError) in
      do {
        if try await show(event, unlessIn: &newest) { seen += 1 }
      } catch {
        failure = error
        return false
      }
      handled(event.id)
      return seen != count
    }
    if let failure { throw failure }
  }

  /// Most keys whose revision is remembered.
  private static let keysMax = 100_000

  /// False: the command was run for this revision of the key, or for a newer one.
  private func show(
    _ event: StreamEvent, unlessIn newest: inout [String: Int64]
  ) async throws -> Bool {
    guard let entry = try? JSONDecoder().decode(ListedEntry.self, from: Data(event.data.utf8))
    else {
      throw ClientError.malformed("an event without a key and a revision")
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("id")
    if let id = event.id { writer.string(id) } else { writer.null() }
    writer.name("event")
    writer.string(event.name)
    writer.name("data")
    writer.raw(event.data.utf8)
    writer.endObject()
    let line = writer.bytes + [0x0A]
    if let exec {
      if let revision = newest[entry.key], entry.revision <= revision { return false }
      try await run(exec, event, entry, line)
      if newest.count >= Self.keysMax { newest = [:] }
      newest[entry.key] = entry.revision
    } else if output.isJSON {
      try Terminal.write(line)
    } else {
      try Terminal.line("\(event.name)\t\(entry.revision)\t\(Terminal.visible(entry.key))")
    }
    return true
  }

  private func run(
    _ command: String, _ event: StreamEvent, _ entry: ListedEntry, _ line: [UInt8]
  ) async throws {
    let code = try await ChildProcess.run(
      .shell(command, arguments: []),
      environment: [
        "KV_EVENT": event.name, "KV_KEY": entry.key, "KV_REVISION": String(entry.revision),
        "KV_POSITION": event.id ?? "",
      ], input: line)
    guard code != 0 else { return }
    let text = "the command for \(Terminal.visible(entry.key)) ended with \(code)"
    guard !stopsOnError else { throw Failure(.failure, text) }
    Terminal.note("kv: \(text)")
  }
}
