internal import ArgumentParser
internal import Basics
internal import FoundationEssentials
internal import KeyValueClient

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Stores the keys of an export.",
    discussion: """
      Importing the same file again does no harm: it stores the same values. A line that is \
      broken or refused is named; the import then stops, or goes on with --on-error continue and \
      ends with 1. Entries that have expired meanwhile are left out.

      EXAMPLES:
        kv import everything.ndjson
        kv import --dry-run everything.ndjson        # only checks the lines
        kv import --if-absent everything.ndjson      # leaves keys alone that exist
        kv import --from-line 120001 everything.ndjson
      """)

  enum OnError: String, ExpressibleByArgument, CaseIterable {
    case stop
    case goOn = "continue"
  }

  @Argument(help: "The file; - for the standard input.", completion: .file()) var file: String

  @Flag(name: .customLong("dry-run"), help: "Check all lines, store nothing.")
  var isDryRun = false

  @Flag(name: .customLong("if-absent"), help: "Leave keys alone that exist.")
  var ifAbsent = false

  @Option(help: "stop or continue, after a line that is broken or refused.")
  var onError = OnError.stop

  @Option(help: ArgumentHelp("Begin at this line, counted from 1.", valueName: "n"))
  var fromLine = 1

  @OptionGroup var output: OutputOptions
  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard fromLine > 0 else { throw ValidationError("--from-line is 1 or more.") }
  }

  func run() async throws {
    let client = try server.client()
    let descriptor = try Terminal.open(file)
    let progress = ImportProgress(fromLine: fromLine)
    try await EndSignals.end(saying: { progress.advice }) {
      do {
        try await readLines(descriptor, progress, client)
      } catch {
        Terminal.progress("")
        if let advice = progress.advice { Terminal.note(advice) }
        throw error
      }
    }
    Terminal.progress("")
    try report(progress.counts)
  }

  private func readLines(
    _ descriptor: Int32, _ progress: ImportProgress, _ client: StoreClient
  ) async throws {
    var splitter = LineSplitter()
    var batch = ImportBatch(ifAbsent: ifAbsent)
    while true {
      let bytes = try Terminal.read(descriptor)
      let lines = bytes.isEmpty ? splitter.close().map { [$0] } ?? [] : splitter.feed(bytes)
      for line in lines where line.number >= fromLine {
        do throws(TransferLineError) {
          try batch.append(line)
        } catch {
          // What stands before the line is stored in any case.
          try await store(&batch, progress, client)
          try fail(at: line.number, error.why, ExitReason.failure, progress)
        }
        if batch.isFull { try await store(&batch, progress, client) }
      }
      if bytes.isEmpty { break }
    }
    try await store(&batch, progress, client)
  }

  private func store(
    _ batch: inout ImportBatch, _ progress: ImportProgress, _ client: StoreClient
  ) async throws {
    let lines = batch.take()
    if isDryRun {
      progress.add(stored: lines.items.count, expired: lines.expired, upTo: lines.lastLine)
      return
    }
    for outcome in try await lines.store(client) {
      switch outcome.status {
      case ..<400: progress.add(stored: 1)
      case 412 where ifAbsent: progress.add(existing: 1)
      default:
        try fail(
          at: outcome.line, outcome.text, ExitReason.of(status: outcome.status), progress)
      }
    }
    progress.add(expired: lines.expired, upTo: lines.lastLine)
    Terminal.progress("\(progress.counts.stored) keys imported")
  }

  private func fail(
    at line: Int, _ why: String, _ reason: ExitReason, _ progress: ImportProgress
  ) throws {
    progress.failed(at: line, isSkipped: onError == .goOn)
    Terminal.progress("")
    guard onError == .goOn else { throw Failure(reason, "line \(line): \(why)") }
    Terminal.note("kv: line \(line): \(why)")
  }

  private func report(_ counts: ImportProgress.Counts) throws {
    if output.isJSON {
      var writer = JSONWriter()
      writer.beginObject()
      writer.name("imported")
      writer.number(Int64(isDryRun ? 0 : counts.stored))
      writer.name("existing")
      writer.number(Int64(counts.existing))
      writer.name("expired")
      writer.number(Int64(counts.expired))
      writer.name("failed")
      writer.number(Int64(counts.failed))
      writer.endObject()
      try Terminal.write(writer.bytes + [0x0A])
    } else {
      var text = "\(counts.stored) keys \(isDryRun ? "would be imported" : "imported")"
      if counts.existing > 0 { text += ", \(counts.existing) existed" }
      if counts.expired > 0 { text += ", \(counts.expired) have expired" }
      if counts.failed > 0 { text += ", \(counts.failed) lines failed" }
      Terminal.note(text + ".")
    }
    if counts.failed > 0 { throw Failure(.failure, "") }
  }
}
