internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// `kv`, the command line of a key-value store.
@main
struct KVCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kv",
    abstract: "Works with a key-value store: reads, writes, lists, watches, locks.",
    discussion: """
      The server is KV_URL (http://127.0.0.1:8080), the token KV_TOKEN or the file KV_TOKEN_FILE. \
      `kv help COMMAND` has an example of each command.

      EXIT CODES:
      \(ExitReason.help)
      `lock` ends with the exit code of its command. 128 and more: a signal.

      EXAMPLES:
        kv put greeting Hello
        kv get greeting
        kv ls --long
      """,
    version: Release.version,
    groupedSubcommands: [
      CommandGroup(
        name: "Values",
        subcommands: [
          GetCommand.self, PutCommand.self, RemoveCommand.self, ListCommand.self,
          TouchCommand.self, AddCommand.self, EditCommand.self, BatchCommand.self,
        ]),
      CommandGroup(name: "Changes and locks", subcommands: [WatchCommand.self, LockCommand.self]),
      CommandGroup(name: "Copies", subcommands: [ExportCommand.self, ImportCommand.self]),
      CommandGroup(
        name: "The server",
        subcommands: [
          OperationCommand.self, HealthCommand.self, WhoamiCommand.self, BenchCommand.self,
        ]),
      CommandGroup(name: "The shell", subcommands: [CompletionCommand.self]),
    ])

  static func main() async {
    // A reader that leaves, as `head`, is noticed where the output is written.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      end(failure.reason, failure.message)
    } catch let error as ClientError {
      end(ExitReason.of(error), error.message)
    } catch let error as TransferLineError {
      end(.failure, error.why)
    } catch {
      // The parser's own: help, the version, a wrong command line (64), an exit code.
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      Terminal.note(fullMessage(for: error))
      leave(with: .usage)
    }
  }

  private static func end(_ reason: ExitReason, _ message: String) {
    Terminal.progress("")
    if !message.isEmpty { Terminal.note("kv: \(message)") }
    leave(with: reason)
  }
}

extension ClientError {
  /// What happened, and what to do where that is known.
  var message: String {
    switch self {
    case .refused(let problem) where problem.status == 401:
      "\(problem.text) (set KV_TOKEN or KV_TOKEN_FILE)"
    case .refused(let problem):
      (problem.index.map { "operation \($0), counted from 0: " } ?? "") + problem.text
        + (problem.revision.map { " (its revision is \($0))" } ?? "")
    case .unavailable(let why): why
    case .outcomeUnknown(let why):
      "\(why). The write may have taken effect: read the key before you repeat it."
    case .insecure(let why): "\(why) (--ca-file or KV_CA_FILE names the certificates to trust)"
    case .malformed(let why): why
    }
  }
}

// `exit` is a member of every command.
private func leave(with reason: ExitReason) -> Never { exit(reason.rawValue) }
