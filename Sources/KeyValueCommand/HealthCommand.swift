internal import ArgumentParser
internal import FoundationEssentials
internal import KeyValueClient

struct HealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Shows the state of the server and of its services.",
    discussion: """
      The exit code is 0 also while the store is degraded: it serves.

      EXAMPLES:
        kv health
        kv health --json | jq .components
      """)

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  private struct Report: Decodable {
    let status: String
    let components: [String: Component]?

    struct Component: Decodable {
      let status: String
      let detail: String?

      private enum Name: String, CodingKey { case status, detail }

      init(from decoder: any Decoder) throws {
        // A component is its status, or a document that has one.
        if let text = try? decoder.singleValueContainer().decode(String.self) {
          status = text
          detail = nil
          return
        }
        let members = try decoder.container(keyedBy: Name.self)
        status = try members.decode(String.self, forKey: .status)
        detail = try members.decodeIfPresent(String.self, forKey: .detail)
      }
    }
  }

  func run() async throws {
    var configuration = try server.configuration()
    // The state now, not one that is better a moment later.
    configuration.repetitionsMax = 0
    let client = StoreClient(configuration)
    let body: [UInt8]
    do throws(ClientError) {
      body = try await client.send(ClientRequest("GET", "/health")).body
    } catch {
      // An unhealthy store answers 503, with the same document.
      guard case .refused(let problem) = error, problem.status == 503 else { throw error }
      body = problem.body
    }
    guard let report = try? JSONDecoder().decode(Report.self, from: Data(body)) else {
      throw ClientError.malformed("this is no answer of a key-value store")
    }
    if output.isJSON {
      try Terminal.write(body + [0x0A])
    } else {
      try Terminal.line(report.status)
      for (name, component) in (report.components ?? [:]).sorted(by: { $0.key < $1.key }) {
        try Terminal.line(
          "  \(name): \(component.status)\(component.detail.map { " (\($0))" } ?? "")")
      }
    }
    if report.status == "unhealthy" { throw Failure(.unavailable, "") }
  }
}

struct WhoamiCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "whoami", abstract: "Shows what the token may do.",
    discussion: """
      EXAMPLES:
        kv whoami
        kv whoami --json | jq -r .prefix
      """)

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  private struct Caller: Decodable {
    let name: String?
    let scopes: [String]
    let prefix: String
  }

  func run() async throws {
    let client = try server.client()
    let answer = try await client.send(ClientRequest("GET", "/whoami"))
    if output.isJSON { return try Terminal.write(answer.body + [0x0A]) }
    let caller: Caller = try client.decode(answer)
    try Terminal.line("name: \(caller.name ?? "everybody (the server needs no token)")")
    try Terminal.line("scopes: \(caller.scopes.joined(separator: ", "))")
    try Terminal.line("prefix: \(caller.prefix.isEmpty ? "all keys" : caller.prefix)")
  }
}

struct CompletionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Prints the script that completes commands in a shell.",
    discussion: """
      EXAMPLES:
        source <(kv completion bash)
        kv completion zsh > "${fpath[1]}/_kv"
        kv completion fish > ~/.config/fish/completions/kv.fish
      """)

  enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }

  @Argument(help: "bash, zsh or fish.") var shell: Shell

  func run() async throws {
    let found: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    try Terminal.line(KVCommand.completionScript(for: found))
  }
}
