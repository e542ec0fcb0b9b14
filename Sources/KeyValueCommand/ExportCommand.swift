internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Copies keys to a file, a line of JSON for each.",
    discussion: """
      A line is {"key","content_type","value" or "value_base64","expires_at"}, which `kv import` \
      reads. Keys that change during the export may be in it as they were or as they became.

      With --output, the file appears when it is complete. Until then it is FILE.part, and the \
      same command goes on where the last one was stopped.

      EXAMPLES:
        kv export > everything.ndjson
        kv export --output users.ndjson users/
        kv export | KV_URL=https://other.example.com kv import -
      """)

  @Argument(help: "Only keys that begin so.") var prefix = ""

  @Option(
    name: .customLong("output"), help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file())
  var path: String?

  @OptionGroup var server: ServerOptions

  func run() async throws {
    let client = try server.client()
    let target = try path.map { try ExportFile(path: $0, prefix: prefix) }
    var query = ListQuery(prefix: prefix)
    query.includesValues = true
    query.cursor = target?.state.cursor
    var keys = target?.state.keys ?? 0
    if keys > 0 { Terminal.note("Going on after \(keys) keys.") }
    // What is on the screen needs no progress.
    let showsProgress = path != nil || !Terminal.Stream.output.isTerminal
    try await EndSignals.end(saying: {
      path == nil ? nil : "Stopped; the same command goes on from here."
    }) {
      try await client.list(query) { page in
        var writer = JSONWriter(reserving: 64 << 10)
        var lines: [UInt8] = []
        for entry in page.items {
          writer = JSONWriter(reserving: 1 << 10)
          TransferLine.write(entry, to: &writer)
          lines += writer.bytes
          lines.append(0x0A)
        }
        keys += page.items.count
        if let target {
          try target.append(lines, keys: keys, nextCursor: page.nextCursor)
        } else {
          try Terminal.write(lines)
        }
        if showsProgress { Terminal.progress("\(keys) keys exported") }
        return true
      }
    }
    try target?.finish()
    Terminal.progress("")
    if path != nil { Terminal.note("\(keys) keys exported.") }
  }
}

/// A file that an export fills page by page, with a second one that says how far it is.
private final class ExportFile {
  struct State: Codable {
    var prefix: String
    var cursor: String?
    var bytes: Int
    var keys: Int
  }

  private(set) var state: State
  private let path: String
  private var part: String { path + ".part" }
  private var statePath: String { path + ".part.state" }
  private let descriptor: Int32

  init(path: String, prefix: String) throws {
    self.path = path
    state = State(prefix: prefix, cursor: nil, bytes: 0, keys: 0)
    descriptor = open(path + ".part", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(path + ".part") }
    let size = lseek(descriptor, 0, SEEK_END)
    if let data = try? Data(contentsOf: URL(filePath: statePath)),
      let found = try? JSONDecoder().decode(State.self, from: data)
    {
      guard found.prefix == prefix else {
        throw Failure(
          .usage,
          "\(part) is an unfinished export of \(found.prefix): finish it, or delete it and "
            + statePath)
      }
      // A file that is shorter than it should be has lost what was written last: begin again.
      if found.bytes <= size { state = found }
    }
    guard ftruncate(descriptor, state.bytes) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
      throw Self.failure(part)
    }
  }

  deinit { close(descriptor) }

  func append(_ lines: [UInt8], keys: Int, nextCursor: String?) throws {
    try Terminal.write(lines, to: descriptor)
    state.bytes += lines.count
    state.keys = keys
    // The end is told by the name of the file.
    guard let nextCursor else { return }
    state.cursor = nextCursor
    try JSONEncoder().encode(state).write(to: URL(filePath: statePath), options: .atomic)
  }

  func finish() throws {
    guard fsync(descriptor) == 0, rename(part, path) == 0 else { throw Self.failure(path) }
    try? FileManager.default.removeItem(atPath: statePath)
  }

  private static func failure(_ path: String) -> Failure {
    Failure(.failure, "\(path) can't be written: \(String(cString: strerror(errno)))")
  }
}
