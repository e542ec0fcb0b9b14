internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient

struct EditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Edits a value in $EDITOR.",
    discussion: """
      The value is stored only if nobody has changed it meanwhile; otherwise your text is kept in \
      a file. A key that does not exist is made. The type and the time of the expiry stay as they \
      are. If the value had no line end at its end, the one that editors add is left out.

      EXAMPLES:
        kv edit config/a
        EDITOR='code --wait' kv edit config/a
      """)

  @Argument(help: "The key.") var key: String
  @OptionGroup var server: ServerOptions

  func run() async throws {
    let client = try server.client()
    let editor = try Self.editor()
    let old = try await current(client)
    guard old?.valueBase64 == nil else {
      throw Failure(.failure, "the value is no text: get and put it through a file")
    }
    let file = try Self.makeFile(for: old)
    let before = old?.bytes ?? []
    try Data(before).write(to: URL(filePath: file))
    let code = try await Self.run(editor, on: file)
    guard code == 0 else {
      throw Failure(
        .failure, "the editor ended with \(code); nothing was stored, your text is in \(file)")
    }
    guard var text = try? Array(Data(contentsOf: URL(filePath: file))) else {
      throw Failure(.failure, "\(file) can't be read: nothing was stored")
    }
    if before.last != 0x0A, text.last == 0x0A, old != nil { text.removeLast() }
    guard text != before else {
      Self.remove(file)
      return Terminal.note("Nothing was changed.")
    }
    do {
      let answer = try await client.send(try request(storing: text, over: old))
      Self.remove(file)
      try WriteReport.print(answer, isJSON: false)
    } catch let error as ClientError {
      Terminal.note("kv: \(Self.explanation(of: error))")
      Terminal.note("Your text is in \(file)")
      throw Failure(ExitReason.of(error), "")
    }
  }

  private func current(_ client: StoreClient) async throws(ClientError) -> ListedEntry? {
    do throws(ClientError) {
      return try await client.entry(key)
    } catch {
      if case .refused(let problem) = error, problem.status == 404 { return nil }
      throw error
    }
  }

  private func request(storing text: [UInt8], over old: ListedEntry?) throws -> ClientRequest {
    var request = ClientRequest.entry("PUT", key)
    if let old {
      request.set("If-Match", "\"\(old.revision)\"")
      if let type = old.contentType { request.set("Content-Type", type) }
      if let end = old.expiresAt.flatMap({ TransferLine.microseconds(of: $0) }) {
        // What has expired meanwhile fails the condition.
        let left = (end - SystemTime.microseconds()) / 1_000_000
        request.query("ttl", String(min(max(1, left), 315_360_000)))
      }
    } else {
      request.set("If-None-Match", "*")
    }
    request.identify()
    request.body = text
    return request
  }

  private static func explanation(of error: ClientError) -> String {
    guard case .refused(let problem) = error, problem.status == 412 else { return error.message }
    return "somebody has changed the key meanwhile; nothing was stored"
  }

  /// Runs the editor, which the terminal belongs to: Ctrl-C is meant for it.
  private static func run(_ editor: String, on file: String) async throws -> Int32 {
    try await EndSignals.handle({ _ in }) {
      try await ChildProcess.run(.shell("\(editor) \"$1\"", arguments: [file]))
    }
  }

  private static func editor() throws -> String {
    let environment = ProcessInfo.processInfo.environment
    let chosen = ["VISUAL", "EDITOR"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    if let chosen { return chosen }
    guard Terminal.Stream.input.isTerminal else {
      throw Failure(.usage, "there is no terminal for vi: name another editor in EDITOR")
    }
    return "vi"
  }

  /// A folder that only its owner can read, with a file whose name tells editors the type.
  private static func makeFile(for old: ListedEntry?) throws -> String {
    let type = old?.contentType?.prefix { $0 != ";" } ?? ""
    let suffixes: [Substring: String] = [
      "application/json": "json", "text/html": "html", "text/markdown": "md", "text/xml": "xml",
      "application/xml": "xml", "application/yaml": "yaml",
    ]
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "kv-edit-\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    } catch {
      throw Failure(.failure, "\(folder.path) can't be made")
    }
    return folder.appending(path: "value.\(suffixes[type] ?? "txt")").path
  }

  private static func remove(_ file: String) {
    try? FileManager.default.removeItem(at: URL(filePath: file).deletingLastPathComponent())
  }
}
